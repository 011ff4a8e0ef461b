package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// DeviceInfo is what a phone says of itself when it signs in.
type DeviceInfo struct {
	ID         string
	Name       string
	Platform   string
	AppVersion string
}

// maxDeviceText bounds each text of a DeviceInfo, in bytes. Longer ones are
// cut: an odd name must not keep anyone from work.
const maxDeviceText = 200

// DeviceRow is a row of the devices table, under "<user>/<device>": the phone
// as it signed in. LastSeen is its newest sign-in; what it tells while it syncs
// is kept in the reports table, by the sync package.
type DeviceRow struct {
	User       inspection.UserID   `json:"user"`
	Device     inspection.DeviceID `json:"device"`
	Name       string              `json:"name"`
	Platform   string              `json:"platform"`
	AppVersion string              `json:"app_version"`
	FirstSeen  time.Time           `json:"first_seen"`
	LastSeen   time.Time           `json:"last_seen"`
}

// LoadDevice returns the row of a device that has signed in. Returns
// CodeNotFound if it never has.
func (s *Service) LoadDevice(ctx context.Context, device inspection.Device) (DeviceRow, error) {
	row, found, err := readRow[DeviceRow](ctx, s.store, store.TableDevices, deviceKey(device))
	if err == nil && !found {
		err = inspection.Errorf(inspection.CodeNotFound, "This device has never signed in.")
	}
	return row, err
}

// UpdateDevice changes the row of a device, again if another writer was first:
// change may run several times. Returns CodeNotFound if the device has never
// signed in.
func (s *Service) UpdateDevice(ctx context.Context, device inspection.Device, change func(*DeviceRow)) error {
	return changeRow(ctx, s.store, store.TableDevices, deviceKey(device), func(row *DeviceRow, found bool) error {
		if !found {
			return inspection.Errorf(inspection.CodeNotFound, "This device has never signed in.")
		}
		change(row)
		row.User, row.Device = device.User, device.ID
		return nil
	})
}

// Devices returns all devices that have signed in, in order of user and
// device id.
func (s *Service) Devices(ctx context.Context) ([]DeviceRow, error) {
	devices := []DeviceRow{}
	err := store.ScanRows(ctx, s.store, store.TableDevices, "", func(row store.Row) error {
		var d DeviceRow
		if err := json.Unmarshal(row.Value, &d); err != nil {
			return fmt.Errorf("reading a device: %w", err)
		}
		devices = append(devices, d)
		return nil
	})
	return devices, err
}
