package api

import (
	"net"
	"net/netip"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// clientAddress returns where a request comes from: the peer, or, if that is
// a trusted proxy, the right-most address of X-Forwarded-For that is none.
// What stands further left was written by someone whom no one vouches for.
func clientAddress(peer netip.Addr, forwarded []string, trusted []netip.Prefix) netip.Addr {
	client := peer
	hops := strings.Split(strings.Join(forwarded, ","), ",")
	for i := len(hops) - 1; i >= 0 && within(client, trusted); i-- {
		hop, ok := parseHop(hops[i])
		if !ok {
			break
		}
		client = hop
	}
	return client
}

func within(addr netip.Addr, prefixes []netip.Prefix) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// parseHop reads an address with or without brackets and port.
func parseHop(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	if withPort, err := netip.ParseAddrPort(s); err == nil {
		return withPort.Addr().Unmap().WithZone(""), true
	}
	addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.Addr{}, false
	}
	return addr.Unmap().WithZone(""), true
}

// peerAddress returns a socket's address; the zero Addr if it has none.
func peerAddress(addr net.Addr) netip.Addr {
	if addr == nil {
		return netip.Addr{}
	}
	peer, _ := parseHop(addr.String())
	return peer
}

// address is where the request comes from.
func (c *call) address() netip.Addr {
	var forwarded []string
	for _, v := range c.Request().Header.PeekAll(fiber.HeaderXForwardedFor) {
		forwarded = append(forwarded, string(v))
	}
	return clientAddress(peerAddress(c.Context().RemoteAddr()), forwarded, c.server.cfg.TrustedProxies)
}
