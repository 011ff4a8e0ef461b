package template

import (
	"math"
	"math/big"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Location is where a record was made, in WGS-84 degrees; the accuracy is the
// radius in metres that the phone gave.
type Location struct{ Lat, Lon, AccuracyM float64 }

// earthRadius is the mean radius in metres (IUGG).
const earthRadius = 6371008.8

// meters is the distance of two places given as latitude and longitude.
func meters(args ...ref.Val) ref.Val {
	var deg [4]float64
	for i, a := range args {
		d, ok := a.(decimal)
		if !ok || i >= len(deg) {
			return types.MaybeNoSuchOverloadErr(a)
		}
		deg[i], _ = d.r.Float64()
	}
	m := distance(Location{Lat: deg[0], Lon: deg[1]}, Location{Lat: deg[2], Lon: deg[3]})
	return floatVal(m)
}

// distance is the great-circle distance in metres (haversine).
func distance(a, b Location) float64 {
	rad := func(deg float64) float64 { return deg * math.Pi / 180 }
	lat, lon := rad(b.Lat-a.Lat)/2, rad(b.Lon-a.Lon)/2
	h := math.Pow(math.Sin(lat), 2) + math.Cos(rad(a.Lat))*math.Cos(rad(b.Lat))*math.Pow(math.Sin(lon), 2)
	return 2 * earthRadius * math.Asin(math.Sqrt(min(h, 1)))
}

// floatVal makes a decimal of a number that was a float from the start;
// infinities and NaN are unusable.
func floatVal(f float64) ref.Val {
	r := new(big.Rat).SetFloat64(f)
	if r == nil {
		return invalid
	}
	return decimal{r}
}
