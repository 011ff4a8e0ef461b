package api

import (
	"net/netip"
	"testing"
)

func TestClientAddress(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for _, tc := range []struct {
		peer      string
		forwarded []string
		want      string
	}{
		{"203.0.113.9", nil, "203.0.113.9"},
		{"203.0.113.9", []string{"198.51.100.7"}, "203.0.113.9"},
		{"10.0.0.1", nil, "10.0.0.1"},
		{"10.0.0.1", []string{"198.51.100.7"}, "198.51.100.7"},
		{"10.0.0.1", []string{"1.1.1.1, 198.51.100.7"}, "198.51.100.7"},
		{"10.0.0.1", []string{"1.1.1.1", "198.51.100.7, 10.2.2.2"}, "198.51.100.7"},
		{"10.0.0.1", []string{"10.3.3.3, 10.2.2.2"}, "10.3.3.3"},
		{"10.0.0.1", []string{"1.1.1.1, unknown, 10.2.2.2"}, "10.2.2.2"},
		{"10.0.0.1", []string{"198.51.100.7:4711"}, "198.51.100.7"},
		{"::1", []string{"[2001:db8::7]:4711"}, "2001:db8::7"},
		{"::1", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		{"10.0.0.1", []string{""}, "10.0.0.1"},
	} {
		if got := clientAddress(netip.MustParseAddr(tc.peer), tc.forwarded, trusted); got.String() != tc.want {
			t.Errorf("%s %q: %s, want %s", tc.peer, tc.forwarded, got, tc.want)
		}
	}
}

func FuzzClientAddress(f *testing.F) {
	f.Add("1.1.1.1, [::1]:80,unknown", "10.0.0.1")
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	peer := netip.MustParseAddr("10.0.0.1")
	f.Fuzz(func(t *testing.T, a, b string) {
		if got := clientAddress(peer, []string{a, b}, trusted); !got.IsValid() {
			t.Errorf("%q %q: no address", a, b)
		}
		if got := clientAddress(netip.MustParseAddr("203.0.113.9"), []string{a, b}, trusted); got.String() != "203.0.113.9" {
			t.Errorf("%q %q: believed a stranger: %s", a, b, got)
		}
	})
}
