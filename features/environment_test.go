package features

import "testing"

func TestExpand(t *testing.T) {
	lookup := func(name string) (string, bool) {
		value, ok := map[string]string{"LAKE": "/lake", "EMPTY": "", "CLOUD": "s3://b", "_x1": "${LAKE}"}[name]
		return value, ok
	}
	for _, c := range []struct{ text, want, fault string }{
		{"a/b.parquet", "a/b.parquet", ""},
		{"${LAKE}/tx/", "/lake/tx/", ""},
		{"${LAKE}${LAKE}", "/lake/lake", ""},
		{"x${NONE:-}y", "xy", ""},
		{"${NONE:-here}/t", "here/t", ""},
		{"${EMPTY:-here}/t", "here/t", ""},
		{"${LAKE:-here}/t", "/lake/t", ""},
		{"${EMPTY}t", "t", ""},
		{"$LAKE/{a,b}", "$LAKE/{a,b}", ""},
		{"${_x1}", "${LAKE}", ""}, // what a variable holds is not looked into
		{"ü/${NONE}/t", "", "f.yaml:3:12: environment variable `NONE` is not set; set it, or write ${NONE:-default}"},
		{"a/${LAKE", "", "f.yaml:3:12: `${` has no closing brace; write ${VAR} or ${VAR:-default}"},
		{"${}", "", "f.yaml:3:10: `${}` is no environment variable; write ${VAR} or ${VAR:-default}"},
		{"${9}", "", "f.yaml:3:10: `${9}` is no environment variable; write ${VAR} or ${VAR:-default}"},
		{"${A-B}", "", "f.yaml:3:10: `${A-B}` is no environment variable; write ${VAR} or ${VAR:-default}"},
		{"${A:-${B}}", "", "f.yaml:3:10: `${A:-${B}` is no environment variable; write ${VAR} or ${VAR:-default}"},
		{"${EMPTY}", "", "f.yaml:3:10: the address is empty; write a path, a glob or a directory"},
		{"${CLOUD}/t", "s3://b/t", ""},
		{"gs://b/t", "", "f.yaml:3:10: `gs://` is not built yet; write s3://, or copy the files to this machine and write their path"},
		{"s3://AKIAX:hunter2@b/t", "", "f.yaml: the address in line 3 has an @ before its key, as if credentials stood there; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, and write s3://BUCKET/KEY"},
	} {
		got, fault := Expand(Text{Pos: Pos{3, 9}, Value: c.text, Quoted: 1}, lookup)
		text := ""
		if fault != nil {
			fault.File = "f.yaml"
			text = fault.Error()
		}
		if got != c.want || text != c.fault {
			t.Errorf("%s: got %q and fault %s", c.text, got, text)
		}
	}
}
