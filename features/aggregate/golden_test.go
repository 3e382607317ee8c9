package aggregate

import (
	"fmt"
	"math"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// goldenX and goldenY are values of every size and sign; goldenN are whole.
var (
	goldenX = []float64{0.1, 0.2, 0.30000000000000004, -1e16, 1e16, 35.71, 2.25, 1e-3, -7.125, 123456.789, 0.1, 5e-324, 1e-300, 99999.99, -0.7, 3}
	goldenY = []float64{3, -2, 1.5, 1e15, 7, 0.125, -1e-9, 2.718281828459045, 3.141592653589793, -42, 0.1, 1, 1e150, 6, -0.7, 9.81}
	goldenN = []int64{1, 1, 1, 2, 2, 3, 5, 8, 13, 1, 2, 7, 1, 4000000000, -3, 1}
)

// golden is the bits of every aggregate that gives a double, over all values and
// over the last seven.
var golden = map[string][2]uint64{
	"sum[0]":           {0x410b4814eb851eb9, 0x410b47196e978d50}, // 223490.61500000002, 223459.179
	"sum[1]":           {0x5f138d352e5096af, 0x5f138d352e5096af}, // 1e+150, 1e+150
	"avg[0]":           {0x40cb4814eb851eb9, 0x40df2caf59d1c613}, // 13968.163437500001, 31922.73985714286
	"avg[1]":           {0x5ed38d352e5096af, 0x5ee6583cc73787a3}, // 6.25e+148, 1.4285714285714284e+149
	"avg[2]":           {0x41adcd6505a00000, 0x41c107a76e5b6db7}, // 2.500000028125e+08, 5.714285727142857e+08
	"avg[3]":           {0x4161a49a03547ae1, 0x417429d4930bfed4}, // 9.2500001040625e+06, 2.114285719042857e+07
	"var_samp[0]":      {0x4665094a5ab0756e, 0x41e67c6cd1542cec}, // 1.3333333333333334e+31, 3.0180245866304836e+09
	"var_samp[1]":      {0x7df7e43c8800759b, 0x7e0b4dfc092518b2}, // 6.249999999999999e+298, 1.4285714285714286e+299
	"var_samp[2]":      {0x43abc16d669bf7a2, 0x43bfb87d07f3db38}, // 9.999999985e+17, 2.285714284e+18
	"var_samp[3]":      {0x431374649a4cea10, 0x43263be0b09f85c0}, // 1.3689999979465e+15, 3.129142854796e+15
	"var_pop[0]":       {0x4663b8b5b5056e17, 0x41e3461421239438}, // 1.25e+31, 2.586878217111843e+09
	"var_pop[1]":       {0x7df665f8bf806e42, 0x7e07676a50fb39bd}, // 5.859375e+298, 1.2244897959183673e+299
	"var_pop[2]":       {0x43aa055690323828, 0x43bb306b2b634e30}, // 9.3749999859375e+17, 1.959183672e+18
	"var_pop[3]":       {0x43123d1e50a81b6f, 0x43230ec097642980}, // 1.2834374980748438e+15, 2.682122446968e+15
	"stddev_samp[0]":   {0x4329f2029bac9767, 0x40ead3119e20b7a1}, // 3.6514837167011075e+15, 54936.5505527102
	"stddev_samp[1]":   {0x5ef38d352e5096af, 0x5efd8f29ae90e4c8}, // 2.5e+149, 3.7796447300922725e+149
	"stddev_samp[2]":   {0x41cdcd64ffa00000, 0x41d68747b8de13dc}, // 9.9999999925e+08, 1.5118578914699621e+09
	"stddev_samp[3]":   {0x4181a499ffc72b02, 0x418aac75afe00722}, // 3.699999997225e+07, 5.5938741984388605e+07
	"stddev_pop[0]":    {0x43291f19451be383, 0x40e8d5ab9b5a1e2b}, // 3.5355339059327375e+15, 50861.362713869974
	"stddev_pop[1]":    {0x5ef2ee45848549a2, 0x5efb5dd4d90cf49a}, // 2.4206145913796356e+149, 3.499271061118826e+149
	"stddev_pop[2]":    {0x41ccdb2125e9af8d, 0x41d4db76c1fb0c87}, // 9.682458358256699e+08, 1.3997084239226396e+09
	"stddev_pop[3]":    {0x4181152e3f6786a5, 0x4188b1ecdd7b2975}, // 3.582509592554978e+07, 5.178921168513767e+07
	"quantile_cont[0]": {0x3f40624dd2f1a9fc, 0x01a124e63593f5e0}, // 0.0005, 7.999999999999999e-301
	"quantile_cont[1]": {0x3fbccccccccccccd, 0xbfaeb851eb851ed0}, // 0.1125, -0.060000000000000164
	"quantile_cont[2]": {0x3ff0000000000000, 0x3ff0000000000000}, // 1, 1
	"quantile_cont[3]": {0x3fa2f1a9fbe76c8b, 0x3fa2f1a9fbe76c8b}, // 0.037, 0.037
	"entropy[0]":       {0x400f000000000000, 0x400675767f54042d}, // 3.875, 2.807354922057604
	"entropy[1]":       {0x4010000000000000, 0x400675767f54042d}, // 4, 2.807354922057604
	"entropy[2]":       {0x4005de1f89fb12bb, 0x40010651931f8029}, // 2.73345859334435, 2.1280852788913944
	"entropy[3]":       {0x4005de1f89fb12bb, 0x40010651931f8029}, // 2.73345859334435, 2.1280852788913944
	"covar_samp[0 1]":  {0xdfb1c7a9fed0d2cc, 0xdfd965766c21fc59}, // -9.312108958333333e+152, -5.320456642857143e+153
	"covar_samp[1 2]":  {0xe0936c3a2922c22b, 0xe0bbbf2e80c41a8d}, // -1.66666667875e+157, -9.523809528571428e+157
	"covar_samp[2 3]":  {0x43606e69b9ac3464, 0x4372c7544225ddf0}, // 3.69999999445e+16, 8.4571428508e+16
	"covar_samp[3 0]":  {0x4268b467d72759c6, 0x42786fa6f2e86c7d}, // 8.488473541708054e+11, 1.6792388358467805e+12
	"covar_pop[0 1]":   {0xdfb0ab2f5ee3c59f, 0xdfd5c4aea5d3fcde}, // -8.7301021484375e+152, -4.560391408163265e+153
	"covar_pop[1 2]":   {0xe092357686909609, 0xe0b7c87100a816c2}, // -1.562500011328125e+157, -8.163265310204081e+157
	"covar_pop[2 3]":   {0x435ecf063c22e23c, 0x437018915d450760}, // 3.468749994796875e+16, 7.2489795864e+16
	"covar_pop[3 0]":   {0x4267292159b4e42a, 0x4274f1fcd034ef46}, // 7.957943945351301e+11, 1.4393475735829546e+12
	"corr[0 1]":        {0xbd71f2143096b02a, 0xbfd06622c2931225}, // -1.0200904268850204e-12, -0.25623387338080966
	"corr[1 2]":        {0xbfb11111135b790e, 0xbfc5555555a5818d}, // -0.0666666672, -0.1666666668125
	"corr[2 3]":        {0x3ff0000000000000, 0x3ff0000000000000}, // 1, 1
	"corr[3 0]":        {0x3d9ba1e3ca862ef0, 0x3fe17c64eefcb8f3}, // 6.282876271711172e-12, 0.5464348476141637
}

// TestGoldenBits holds every aggregate that gives a double to the same bits on
// every machine and with every compiler's options (S9.5): run it for arm64, and
// with GOAMD64=v3, too.
func TestGoldenBits(t *testing.T) {
	l := &Layout{Columns: []event.Type{event.Of(event.Double), event.Of(event.Double), event.Of(event.Int), event.DecimalOf(20, 3)}, ID: -1}
	var names []string
	for _, w := range []Window{{Lifetime: true, ClosedLow: true}, {Rows: 7, ClosedLow: true}} {
		for _, a := range []Aggregate{Sum, Avg, VarSamp, VarPop, StddevSamp, StddevPop, QuantileCont, Entropy, CovarSamp, CovarPop, Corr} {
			for c := range l.Columns {
				s := Slot{Aggregate: a, Args: []int{c}, Filter: -1, Window: w, P: 0.3, Type: event.Of(event.Double)}
				if a == Sum && c > 1 {
					continue
				}
				if a >= CovarSamp && a <= Corr {
					s.Args = []int{c, (c + 1) % len(l.Columns)}
				}
				l.Slots = append(l.Slots, s)
				if w.Lifetime {
					names = append(names, fmt.Sprintf("%s%v", a, s.Args))
				}
			}
		}
	}
	l.Prepare()
	r := NewRun(l, event.NewSymbols(), new(event.Counts))
	e := Events{}
	for _, t := range l.Columns {
		e.Columns = append(e.Columns, event.Make(t))
	}
	for i := range goldenX {
		e.Times = append(e.Times, event.Time(i))
		e.Columns[0].AppendFloat(goldenX[i])
		e.Columns[1].AppendFloat(goldenY[i])
		e.Columns[2].AppendInt(goldenN[i])
		e.Columns[3].AppendDecimal(event.Int128Of(goldenN[i] * 37))
	}
	r.Insert(e, 0, len(e.Times))
	out := answersAt(r, event.Time(len(e.Times)))
	for i, name := range names {
		got := [2]uint64{math.Float64bits(out[i].Floats[0]), math.Float64bits(out[i+len(names)].Floats[0])}
		if want, known := golden[name]; !known || got != want {
			t.Errorf("%q: {0x%016x, 0x%016x}, // %v, %v", name, got[0], got[1], out[i].Floats[0], out[i+len(names)].Floats[0])
		}
	}
	if len(golden) != len(names) {
		t.Errorf("%d golden values, %d aggregates", len(golden), len(names))
	}
}
