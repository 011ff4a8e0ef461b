package cli

import (
	"io"
	"testing"

	"gridpatrol/test/flags"
)

// TestEveryFlagHasAVariable: whatever can be said on the command line can be
// said by the environment, too.
func TestEveryFlagHasAVariable(t *testing.T) {
	parser, err := newParser(&commands{}, Process{Stdout: io.Discard, Stderr: io.Discard}, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	flags.HaveVariables(t, parser)
}

func TestWhereHealthIsAsked(t *testing.T) {
	for _, c := range []struct{ listen, cert, want string }{
		{"127.0.0.1:8080", "", "http://127.0.0.1:8080/healthz"},
		{"0.0.0.0:8080", "", "http://127.0.0.1:8080/healthz"},
		{":8080", "", "http://127.0.0.1:8080/healthz"},
		{"[::]:8080", "", "http://127.0.0.1:8080/healthz"},
		{"10.1.2.3:80", "", "http://10.1.2.3:80/healthz"},
		{"localhost:8443", "x.pem", "https://localhost:8443/healthz"},
		{"8080", "", ""},
	} {
		got, err := (&healthCommand{Listen: c.listen, TLSCert: c.cert}).url()
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %s, %v", c.listen, got, err)
		}
	}
}

func TestTrustedProxies(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.7": "10.0.0.7/32", "10.1.2.3/8": "10.0.0.0/8", "::1": "::1/128", "::ffff:10.0.0.7": "10.0.0.7/32",
		"": "", "proxy": "", "10.0.0.0/33": "",
	} {
		var n network
		err := n.UnmarshalText([]byte(text))
		if (err == nil) != (want != "") || err == nil && n.String() != want {
			t.Errorf("%q: %v, %v", text, n, err)
		}
	}
	c := commands{}
	parser, err := newParser(&c, Process{Stdout: io.Discard, Stderr: io.Discard}, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse([]string{"serve", "--trusted-proxy", "10.0.0.7,192.168.0.0/16", "--trusted-proxy", "::1"}); err != nil || len(c.Serve.proxies()) != 3 {
		t.Errorf("%v, %v", c.Serve.proxies(), err)
	}
}

func TestLoopback(t *testing.T) {
	for listen, want := range map[string]bool{
		"127.0.0.1:8080": true, "localhost:0": true, "[::1]:80": true, "127.9.9.9:1": true, "[::ffff:127.0.0.1]:1": true,
		":8080": false, "0.0.0.0:8080": false, "[::]:1": false, "10.0.0.1:1": false, "gridpatrol:80": false, "8080": false,
	} {
		if got := loopback(listen); got != want {
			t.Errorf("%s: %t", listen, got)
		}
	}
}
