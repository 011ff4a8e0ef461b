package media

import "math"

// Coordinates of Chinese maps are shifted by up to 700 metres against those of
// satellites: GCJ-02 by law, BD-09 by Baidu on top of it. Phones write
// whatever their location service gives, and not always say which.

// crs are the reference systems that documents name.
const (
	crsWGS84 = "wgs84"
	crsGCJ02 = "gcj02"
	crsBD09  = "bd09"
)

// LatLon is a point on earth in decimal degrees.
type LatLon struct {
	Lat float64 `json:"lat"`
	Lon float64 `json:"lon"`
}

func (p LatLon) valid() bool { return math.Abs(p.Lat) <= 90 && math.Abs(p.Lon) <= 180 }

// toWGS84 converts a point of a named system; "" is WGS-84. ok is false for a
// system that isn't known.
func toWGS84(p LatLon, crs string) (q LatLon, ok bool) {
	switch crs {
	case "", crsWGS84:
		return p, true
	case crsGCJ02:
		return fromGCJ02(p), true
	case crsBD09:
		return fromGCJ02(bd09ToGCJ02(p)), true
	}
	return p, false
}

// Constants of the shift: the Krasovsky ellipsoid in metres.
const (
	semiMajor    = 6378245.0
	eccentricity = 0.00669342162296594323
)

// inChina is the box in which maps are shifted.
func inChina(p LatLon) bool {
	return p.Lon > 72.004 && p.Lon < 137.8347 && p.Lat > 0.8293 && p.Lat < 55.8271
}

// toGCJ02 turns WGS-84 into GCJ-02.
func toGCJ02(p LatLon) LatLon {
	if !inChina(p) {
		return p
	}
	x, y := p.Lon-105, p.Lat-35
	common := (20*math.Sin(6*x*math.Pi) + 20*math.Sin(2*x*math.Pi)) * 2 / 3
	dLat := -100 + 2*x + 3*y + 0.2*y*y + 0.1*x*y + 0.2*math.Sqrt(math.Abs(x)) + common +
		(20*math.Sin(y*math.Pi)+40*math.Sin(y/3*math.Pi))*2/3 +
		(160*math.Sin(y/12*math.Pi)+320*math.Sin(y*math.Pi/30))*2/3
	dLon := 300 + x + 2*y + 0.1*x*x + 0.1*x*y + 0.1*math.Sqrt(math.Abs(x)) + common +
		(20*math.Sin(x*math.Pi)+40*math.Sin(x/3*math.Pi))*2/3 +
		(150*math.Sin(x/12*math.Pi)+300*math.Sin(x/30*math.Pi))*2/3
	sin := math.Sin(p.Lat * math.Pi / 180)
	magic := 1 - eccentricity*sin*sin
	root := math.Sqrt(magic)
	dLat = dLat * 180 / (semiMajor * (1 - eccentricity) / (magic * root) * math.Pi)
	dLon = dLon * 180 / (semiMajor / root * math.Cos(p.Lat*math.Pi/180) * math.Pi)
	return LatLon{p.Lat + dLat, p.Lon + dLon}
}

// fromGCJ02 turns GCJ-02 into WGS-84, to well under a metre: the shift changes so
// slowly that correcting the guess a few times finds its inverse.
func fromGCJ02(p LatLon) LatLon {
	q := p
	for range 5 {
		r := toGCJ02(q)
		q = LatLon{q.Lat + p.Lat - r.Lat, q.Lon + p.Lon - r.Lon}
	}
	return q
}

func bd09ToGCJ02(p LatLon) LatLon {
	const turn = math.Pi * 3000 / 180
	x, y := p.Lon-0.0065, p.Lat-0.006
	r := math.Hypot(x, y) - 0.00002*math.Sin(y*turn)
	theta := math.Atan2(y, x) - 0.000003*math.Cos(x*turn)
	return LatLon{r * math.Sin(theta), r * math.Cos(theta)}
}
