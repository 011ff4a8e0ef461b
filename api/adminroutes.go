package api

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"gridpatrol/auth"
	"gridpatrol/inspection"
	"gridpatrol/review"
	"gridpatrol/sync"
)

func (s *Server) adminRoutes() []route {
	return []route{
		{Method: fiber.MethodGet, Path: "/v1/users", Proof: bearer, Action: inspection.ActionUsers, Handler: s.users},
		{Method: fiber.MethodPost, Path: "/v1/users", Proof: bearer, Action: inspection.ActionUsers, Cap: credentialsCap, Handler: s.addUser},
		{Method: fiber.MethodPatch, Path: "/v1/users/:id", Proof: bearer, Action: inspection.ActionUsers, Cap: credentialsCap, Handler: s.patchUser},
		{Method: fiber.MethodGet, Path: "/v1/quarantine", Proof: bearer, Action: inspection.ActionQuarantine, Handler: s.quarantine},
		{Method: fiber.MethodPost, Path: "/v1/quarantine/:id/release", Proof: bearer, Action: inspection.ActionQuarantine, Handler: s.release},
		{Method: fiber.MethodPost, Path: "/v1/quarantine/:id/discard", Proof: bearer, Action: inspection.ActionQuarantine, Cap: actCap, Handler: s.discard},
		{Method: fiber.MethodPut, Path: "/v1/templates/:name", Proof: bearer, Action: inspection.ActionReference, Cap: definitionCap, YAML: true, Handler: s.putTemplate},
		{Method: fiber.MethodPut, Path: "/v1/limits/:id", Proof: bearer, Action: inspection.ActionReference, Cap: actCap, Handler: s.putRow(s.cfg.Sync.PublishLimit)},
		{Method: fiber.MethodPut, Path: "/v1/targets/:id", Proof: bearer, Action: inspection.ActionReference, Cap: actCap, Handler: s.putRow(s.cfg.Sync.PublishTarget)},
	}
}

// accountJSON is a user as an administrator sees one.
type accountJSON struct {
	userJSON
	Disabled bool `json:"disabled"`
}

func accountOf(u auth.User) accountJSON { return accountJSON{userOf(u), u.Disabled} }

func (s *Server) users(c *call) error {
	c.private()
	users, err := s.cfg.Auth.Managed(c.ctx, c.principal)
	if err != nil {
		return err
	}
	list := make([]accountJSON, len(users))
	for i, u := range users {
		list[i] = accountOf(u)
	}
	return c.packed(map[string]any{"users": list})
}

func (s *Server) addUser(c *call) error {
	c.private()
	in, err := decodeBody(c, func(m members) auth.NewUser {
		return auth.NewUser{
			Username: m.text("username"), Name: m.text("name"), Password: m.text("password"),
			Role: inspection.Role(m.text("role")), Areas: areasOf(m.texts("areas")),
		}
	})
	if err != nil {
		return err
	}
	u, err := s.cfg.Auth.AddManaged(c.ctx, c.principal, in)
	if err != nil {
		return err
	}
	c.Status(fiber.StatusCreated)
	return c.json(accountOf(u))
}

func areasOf(codes []string) []inspection.Area {
	areas := make([]inspection.Area, len(codes))
	for i, code := range codes {
		areas[i] = inspection.Area(code)
	}
	return areas
}

func (s *Server) patchUser(c *call) error {
	c.private()
	patch, err := decodeBody(c, userPatch)
	if err != nil {
		return err
	}
	u, err := s.cfg.Auth.UpdateManaged(c.ctx, c.principal, inspection.UserID(c.Params("id")), patch)
	if err != nil {
		return err
	}
	return c.json(accountOf(u))
}

func userPatch(m members) auth.UserPatch {
	patch := auth.UserPatch{Name: m.textIfGiven("name"), Password: m.textIfGiven("password"), Disabled: m.flag("disabled")}
	if role := m.textIfGiven("role"); role != nil {
		r := inspection.Role(*role)
		patch.Role = &r
	}
	if m.values["areas"] != nil {
		areas := areasOf(m.texts("areas"))
		patch.Areas = &areas
	}
	return patch
}

func (s *Server) quarantine(c *call) error {
	c.private()
	q := query{values: c.values}
	state := q.choice("state", sync.Held, sync.Released, sync.Discarded)
	cursor, limit := q.text("cursor"), q.number("limit", review.DefaultLimit, review.MaxLimit)
	if q.err != nil {
		return q.err
	}
	page, err := s.cfg.Review.Quarantine(c.ctx, c.principal, state, cursor, limit)
	if err != nil {
		return err
	}
	return c.sendPacked(append(appendCursor(appendRecords(nil, page), page.Cursor), '}'))
}

// heldID returns the id in the address, if it is the caller's to see to.
func (c *call) heldID() (inspection.DocID, error) {
	id, err := c.docID()
	if err != nil {
		return "", err
	}
	_, err = c.server.cfg.Review.Quarantined(c.ctx, c.principal, id)
	return id, err
}

func (s *Server) release(c *call) error {
	c.private()
	id, err := c.heldID()
	if err != nil {
		return err
	}
	result, doc, err := s.cfg.Sync.Release(c.ctx, c.principal, id)
	if err != nil {
		return err
	}
	dst := result.AppendJSON([]byte(`{"result":`))
	return c.sendPacked(append(append(append(dst, `,"quarantine":`...), doc...), '}'))
}

func (s *Server) discard(c *call) error {
	c.private()
	comment, err := decodeBody(c, func(m members) string { return m.optional("comment") })
	if err != nil {
		return err
	}
	id, err := c.heldID()
	if err != nil {
		return err
	}
	doc, err := s.cfg.Sync.Discard(c.ctx, c.principal, id, comment)
	return c.sendDoc(doc, err)
}

func (s *Server) putTemplate(c *call) error {
	c.private()
	body, err := c.body()
	if err != nil {
		return err
	}
	p, err := s.cfg.Sync.PublishTemplate(c.ctx, c.principal.Device.User, c.Params("name"), body)
	return c.sendDoc(p.Doc, err)
}

type publish func(ctx context.Context, by inspection.UserID, id string, doc inspection.Object) (sync.Published, error)

func (s *Server) putRow(put publish) func(*call) error {
	return func(c *call) error {
		c.private()
		m, err := c.members()
		if err != nil {
			return err
		}
		p, err := put(c.ctx, c.principal.Device.User, c.Params("id"), m.values)
		return c.sendDoc(p.Doc, err)
	}
}

func (s *Server) deviceRoutes() []route {
	return []route{
		{Method: fiber.MethodGet, Path: "/v1/devices", Proof: bearer, Action: inspection.ActionReadDevices, Handler: s.devices},
	}
}

func (s *Server) devices(c *call) error {
	c.private()
	rows, err := s.cfg.Auth.DevicesIn(c.ctx, c.principal)
	if err != nil {
		return err
	}
	list := make([]deviceJSON, 0, len(rows))
	for _, row := range rows {
		device := inspection.Device{User: row.User, ID: row.Device}
		report, err := s.cfg.Sync.Report(c.ctx, device)
		if err != nil {
			return err
		}
		missing, err := s.cfg.Media.MissingPhotos(c.ctx, device)
		if err != nil {
			return err
		}
		list = append(list, deviceOf(row, report, missing))
	}
	return c.json(map[string]any{"devices": list})
}

// deviceJSON is a line of GET /v1/devices. ClockOffsetS is server minus
// device, in seconds; it and the backlog are null while unknown.
type deviceJSON struct {
	ID           inspection.DeviceID `json:"id"`
	User         inspection.UserID   `json:"user"`
	Name         string              `json:"name"`
	AppVersion   string              `json:"app_version"`
	LastSeen     time.Time           `json:"last_seen"`
	ClockOffsetS *int64              `json:"clock_offset_s"`
	Backlog      *sync.Backlog       `json:"backlog"`
	// Empty: the backlog is known, nothing is in it, and no photo is missing.
	Empty bool `json:"empty"`
	// MissingPhotos counts the photos that records from this device name and
	// that haven't arrived.
	MissingPhotos int `json:"missing_photos"`
}

func deviceOf(row auth.DeviceRow, report sync.Report, missing int) deviceJSON {
	d := deviceJSON{
		ID: row.Device, User: row.User, Name: row.Name, AppVersion: row.AppVersion,
		LastSeen: row.LastSeen.UTC(), ClockOffsetS: report.ClockOffsetS, Backlog: report.Backlog,
		Empty:         report.Backlog != nil && *report.Backlog == sync.Backlog{} && missing == 0,
		MissingPhotos: missing,
	}
	if report.LastSeen.After(d.LastSeen) {
		d.LastSeen = report.LastSeen.UTC()
	}
	return d
}
