package api

import "testing"

func TestTakesGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "gzip": true, "GZip": true, "deflate, gzip;q=0.1": true, "gzip;q=0": false, "gzip; q=0.000": false,
		"*": true, "*;q=0": false, "gzip;q=0, *": false, "identity": false, "br, *;q=0.1": true, "x-gzip": true, "gzipped": false,
	} {
		if got := takesGzip(header); got != want {
			t.Errorf("%q: %t", header, got)
		}
	}
}
