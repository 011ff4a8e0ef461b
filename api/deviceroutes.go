package api

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"gridpatrol/auth"
	"gridpatrol/inspection"
	"gridpatrol/sync"
)

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
