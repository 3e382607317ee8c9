package expr

// aggregates are the names of aggregates. They are known here, where none is
// computed, so that they can be refused inside expressions by name and no
// function may take one's name.
var aggregates = map[string]bool{
	"count": true, "sum": true, "avg": true, "min": true, "max": true,
	"stddev": true, "stddev_samp": true, "stddev_pop": true, "variance": true, "var_samp": true, "var_pop": true,
	"first": true, "last": true, "lag": true, "quantile_cont": true, "quantile_disc": true, "median": true,
	"top_k": true, "bottom_k": true, "arg_min": true, "arg_max": true, "mode": true, "top_k_frequent": true, "histogram": true,
	"bool_and": true, "bool_or": true, "entropy": true, "corr": true, "covar_samp": true, "covar_pop": true, "distinct_last": true,
}

// Aggregate reports whether name is an aggregate.
func Aggregate(name string) bool { return aggregates[name] }

// Callable reports whether name is a function of rows, not an aggregate.
func Callable(name string) bool { return byName[name] != nil }

// elsewhere is what other tools call an aggregate or function of ours.
var elsewhere = map[string]string{
	"mean": "avg(x)", "average": "avg(x)", "std": "stddev(x)", "stdev": "stddev(x)", "var": "variance(x)", "nunique": "count(distinct x)", "count_distinct": "count(distinct x)",
	"percentile": "quantile_cont(x, p)", "percentile_cont": "quantile_cont(x, p)", "percentile_disc": "quantile_disc(x, p)", "quantile": "quantile_cont(x, p)",
	"any_value": "last(x)", "latest": "last(x)", "array_agg": "last(x, n)", "collect_list": "last(x, n)", "list": "last(x, n)",
	"min_by": "arg_min(x, y)", "argmin": "arg_min(x, y)", "max_by": "arg_max(x, y)", "argmax": "arg_max(x, y)", "every": "bool_and(x)", "logical_and": "bool_and(x)", "logical_or": "bool_or(x)",
	"count_if": "count(*) filter (where x)", "countif": "count(*) filter (where x)", "value_counts": "histogram(x)", "map_count": "histogram(x)", "approx_top_k": "top_k_frequent(x, k)",
	"correlation": "corr(x, y)", "covar": "covar_samp(x, y)", "covariance": "covar_samp(x, y)", "now": "at, in a derived view", "current_timestamp": "at, in a derived view", "ifnull": "coalesce(x, y)", "nvl": "coalesce(x, y)",
}

// CallMend is what to write in place of a call of an unknown name: what other
// tools call so, or the nearest name of ours.
func CallMend(name string) string {
	if ours := elsewhere[name]; ours != "" {
		return "write " + ours
	}
	return meant(name, callable())
}
