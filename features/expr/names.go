package expr

// aggregates are the names of aggregates, true where they are built. They are
// known here, where none is computed, so that they can be refused inside
// expressions by name and no function may take one's name.
var aggregates = map[string]bool{
	"count": true, "sum": true, "avg": true, "min": true, "max": true,
	"stddev": true, "stddev_samp": true, "stddev_pop": true, "variance": true, "var_samp": true, "var_pop": true,
	"first": true, "last": true, "lag": true, "quantile_cont": true, "quantile_disc": true, "median": true,
	"top_k": true, "bottom_k": true,
	"arg_min": false, "arg_max": false, "mode": false, "top_k_frequent": false, "histogram": false,
	"bool_and": false, "bool_or": false, "entropy": false, "corr": false, "distinct_last": false,
}

// Aggregate reports whether name is an aggregate, built or not.
func Aggregate(name string) bool {
	_, ok := aggregates[name]
	return ok
}

// NotBuilt reports whether name is an aggregate of the language that is not
// built yet, to be refused by name.
func NotBuilt(name string) bool {
	built, ok := aggregates[name]
	return ok && !built
}

// Callable reports whether name is a function of rows, not an aggregate.
func Callable(name string) bool { return byName[name] != nil }

// elsewhere is what other tools call an aggregate or function of ours.
var elsewhere = map[string]string{
	"mean": "avg(x)", "average": "avg(x)", "std": "stddev(x)", "stdev": "stddev(x)", "var": "variance(x)", "nunique": "count(distinct x)", "count_distinct": "count(distinct x)",
	"percentile": "quantile_cont(x, p)", "percentile_cont": "quantile_cont(x, p)", "percentile_disc": "quantile_disc(x, p)", "quantile": "quantile_cont(x, p)",
	"any_value": "last(x)", "latest": "last(x)", "now": "at, in a derived view", "current_timestamp": "at, in a derived view", "ifnull": "coalesce(x, y)", "nvl": "coalesce(x, y)",
}

// CallMend is what to write in place of a call of an unknown name: what other
// tools call so, or the nearest name of ours.
func CallMend(name string) string {
	if ours := elsewhere[name]; ours != "" {
		return "write " + ours
	}
	return meant(name, callable())
}
