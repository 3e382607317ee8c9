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
	// Functions of DuckDB, Spark, PostgreSQL and BigQuery under their names there.
	"date_part": "extract(hour from t)", "datepart": "extract(hour from t)", "dayname": "strftime(t, '%A')", "monthname": "strftime(t, '%B')", "date_format": "strftime(t, '%Y-%m-%d')", "to_char": "strftime(t, '%Y-%m-%d')", "format_datetime": "strftime(t, '%Y-%m-%d')",
	"to_date": "date(strptime(s, '%Y-%m-%d'))", "parse_timestamp": "strptime(s, '%Y-%m-%d %H:%M:%S')", "try_strptime": "strptime(s, format), which is null where s is not of the format", "unix_timestamp": "epoch(t)", "from_unixtime": "to_timestamp(s)",
	"date_sub": "date_add('day', -n, t), or t - interval '1 day'", "add_months": "date_add('month', n, t)", "datesub": "date_add('day', -n, t)", "time_bucket": "date_trunc('hour', t)", "timestamp_trunc": "date_trunc('hour', t)", "timestamp_diff": "date_diff('hour', a, b)", "months_between": "date_diff('month', a, b)", "age": "days_between(a, b)", "convert_timezone": "t at time zone 'Europe/Oslo'", "timezone": "t at time zone 'Europe/Oslo'", "weekday": "isodow(t)", "millisecond": "epoch_ms(t) % 1000", "today": "date(at), in a derived view", "current_date": "date(at), in a derived view",
	"concat_ws": "list_to_string([a, b], ', ')", "format": "concat(a, b)", "printf": "concat(a, b)", "string_agg": "list_to_string(last(x, 10), ', ')", "substring_index": "split_part(s, separator, n)", "locate": "strpos(s, part)", "charindex": "strpos(s, part)", "prefix": "starts_with(s, prefix)", "suffix": "ends_with(s, suffix)", "regexp_full_match": "regexp_matches(s, '^(...)$')", "regexp_extract_all": "regexp_split(s, pattern), or regexp_count(s, pattern)", "regexp_replace_all": "regexp_replace(s, pattern, by, 'g')", "lcase": "lower(s)", "ucase": "upper(s)", "strlen": "octet_length(s)", "bit_length": "octet_length(s) * 8", "soundex": "levenshtein(a, b)", "jaro_winkler_similarity": "levenshtein(a, b)",
	"list_extract": "l[n]", "array_extract": "l[n]", "element_at": "l[n], or m['key']", "map_extract": "m['key']", "list_element": "l[n]", "map_contains": "m['key'] is not null", "map_contains_key": "m['key'] is not null", "struct_extract": "s.field", "struct_pack": "row(a as name)", "named_struct": "row(a as name)", "struct": "row(a, b)", "list_append": "l || [x]", "array_append": "l || [x]", "list_prepend": "[x] || l", "array_prepend": "[x] || l", "list_unique": "length(list_distinct(l))", "list_first": "l[1]", "list_last": "l[-1]", "list_count": "length(l)", "list_has_any": "length(list_intersect(a, b)) > 0", "arrays_overlap": "length(list_intersect(a, b)) > 0", "list_aggregate": "list_sum(l), list_avg(l), list_min(l) or list_max(l)", "array_remove": "list_distinct(l)", "map_from_entries": "map(keys, values)", "unnest": "l[n], or a list_ function", "explode": "l[n], or a list_ function",
	"json_extract_path": "s -> '$.a.b'", "json_object_keys": "s ->> '$.key'", "from_json": "s ->> '$.key'", "parse_json": "json_extract(s, '$.key')", "json_length": "json_array_length(s)", "to_json": "cast(x as string)",
	"xxhash64": "hash(x), whose values are others", "murmur3": "hash(x)", "farm_fingerprint": "hash(x), whose values are others", "crc32": "hash(x)", "sha2": "sha256(s)", "sha1": "sha256(s)", "hashmod": "hash_bucket(x, n)", "ntile": "bucketize(x, [1, 10, 100])", "cut": "bucketize(x, [1, 10, 100])", "st_geohash": "geohash(lat, lon, n)",
	"logistic": "sigmoid(x)", "clip": "clamp(x, low, high)", "signum": "sign(x)", "square": "x * x", "exp2": "power(2, x)", "e": "exp(1)", "lcm": "div(a, gcd(a, b)) * b", "bitand": "bit_and(a, b)", "bitor": "bit_or(a, b)", "is_nan": "isnan(x)", "is_inf": "isinf(x)", "nanvl": "if(isnan(x), y, x)", "try_cast": "cast(x as double), which is null where it can not be", "safe_cast": "cast(x as double), which is null where it can not be", "safe_divide": "a / b, which is null where b is 0", "distance": "haversine_km(lat1, lon1, lat2, lon2)", "nvl2": "if(x is null, b, a)", "isnull": "x is null", "decode": "case x when a then b end",
}

// CallMend is what to write in place of a call of an unknown name: what other
// tools call so, or the nearest name of ours.
func CallMend(name string) string {
	if ours := elsewhere[name]; ours != "" {
		return "write " + ours
	}
	return meant(name, callable())
}
