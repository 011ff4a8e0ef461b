package api

import (
	"github.com/gofiber/fiber/v2"

	"gridpatrol/auth"
	"gridpatrol/inspection"
)

func (s *Server) authRoutes() []route {
	return []route{
		{Method: fiber.MethodPost, Path: "/v1/auth/login", Proof: none, Cap: credentialsCap, Handler: s.login},
		{Method: fiber.MethodPost, Path: "/v1/auth/refresh", Proof: none, Cap: credentialsCap, Handler: s.refresh},
		{Method: fiber.MethodPost, Path: "/v1/auth/logout", Proof: bearer, Action: signedIn, Handler: s.logout},
		{Method: fiber.MethodGet, Path: "/v1/me", Proof: bearer, Action: inspection.ActionMe, Handler: s.me},
	}
}

func (s *Server) login(c *call) error {
	c.private()
	req, err := decoded(c, decodeLogin)
	if err != nil {
		return err
	}
	req.Address = c.address()
	tokens, err := s.cfg.Auth.Login(c.ctx, req)
	if err != nil {
		return err
	}
	return c.json(tokensJSON(tokens))
}

func (s *Server) refresh(c *call) error {
	c.private()
	token, err := decoded(c, decodeRefresh)
	if err != nil {
		return err
	}
	tokens, err := s.cfg.Auth.Refresh(c.ctx, token, c.address())
	if err != nil {
		return err
	}
	return c.json(tokensJSON(tokens))
}

func (s *Server) logout(c *call) error {
	c.private()
	if err := s.cfg.Auth.Logout(c.ctx, c.session); err != nil {
		return err
	}
	c.Status(fiber.StatusNoContent)
	return nil
}

func (s *Server) me(c *call) error {
	c.private()
	row, err := s.cfg.Auth.LoadDevice(c.ctx, c.session.Device)
	if err != nil {
		return err
	}
	return c.json(meJSON{
		User:        userOf(c.session.User),
		Device:      deviceRef{ID: row.Device, Name: row.Name, Platform: row.Platform, AppVersion: row.AppVersion},
		Permissions: c.session.User.Role.Permissions(),
	})
}

type meJSON struct {
	User        userJSON            `json:"user"`
	Device      deviceRef           `json:"device"`
	Permissions []inspection.Action `json:"permissions"`
}

// deviceRef is a phone as it signed in.
type deviceRef struct {
	ID         inspection.DeviceID `json:"id"`
	Name       string              `json:"name"`
	Platform   string              `json:"platform"`
	AppVersion string              `json:"app_version"`
}

// userJSON is a user as docs/contract.md, section 1, shows one.
type userJSON struct {
	ID       inspection.UserID `json:"id"`
	Username string            `json:"username"`
	Name     string            `json:"name"`
	Role     inspection.Role   `json:"role"`
	Areas    []inspection.Area `json:"areas"`
}

func userOf(u auth.User) userJSON {
	return userJSON{ID: u.ID, Username: u.Username, Name: u.Name, Role: u.Role, Areas: append([]inspection.Area{}, u.Areas...)}
}

type signInJSON struct {
	AccessToken  string   `json:"access_token"`
	TokenType    string   `json:"token_type"`
	ExpiresIn    int64    `json:"expires_in"` // seconds
	RefreshToken string   `json:"refresh_token"`
	User         userJSON `json:"user"`
	NextN        int64    `json:"next_n"`
}

func tokensJSON(t auth.Tokens) signInJSON {
	return signInJSON{
		AccessToken: t.AccessToken, TokenType: "Bearer", ExpiresIn: int64(t.ExpiresIn.Seconds()),
		RefreshToken: t.RefreshToken, User: userOf(t.User), NextN: t.NextN,
	}
}

// decodeLogin reads the body of a sign-in. Returns a CodeBadRequest error
// that names every member at fault.
func decodeLogin(body []byte) (auth.LoginRequest, error) {
	m, err := readMembers(body)
	if err != nil {
		return auth.LoginRequest{}, err
	}
	req := auth.LoginRequest{Username: m.text("username"), Password: m.text("password")}
	device := m.object("device")
	req.Device = auth.DeviceInfo{
		ID: device.text("id"), Name: device.optional("name"),
		Platform:   device.optional("platform"),
		AppVersion: device.optional("app_version"),
	}
	if id, ok := device.values["id"].(string); ok && !inspection.ValidDeviceID(id) {
		device.fault("id", inspection.CodeBadID, "Make the device's id a UUID, once, and keep it.")
	}
	return req, m.err()
}

func decodeRefresh(body []byte) (string, error) {
	m, err := readMembers(body)
	if err != nil {
		return "", err
	}
	return m.text("refresh_token"), m.err()
}
