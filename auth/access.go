package auth

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"gridpatrol/inspection"
)

// tokenName is both issuer and audience of access tokens.
const tokenName = "gridpatrol"

// maxTokenLength bounds what is parsed at all; tokens made here are shorter
// than 600 bytes.
const maxTokenLength = 4 << 10

// accessClaims name a user, a device and a family. Rights are never in a
// token.
type accessClaims struct {
	jwt.RegisteredClaims
	Device string `json:"did"`
	Family string `json:"fam"`
}

func (c *accessClaims) device() inspection.Device {
	return inspection.Device{User: inspection.UserID(c.Subject), ID: inspection.DeviceID(c.Device)}
}

// Tokens is the answer to a sign-in or a refresh.
type Tokens struct {
	AccessToken  string
	ExpiresIn    time.Duration
	RefreshToken string
	User         User
	// NextN is above every mutation number that came from the device, for a
	// phone that was reinstalled.
	NextN int64
}

func (s *Service) tokens(ctx context.Context, u User, t refreshToken, refresh string, now time.Time) (Tokens, error) {
	access, err := s.signAccess(t.device, t.family, now)
	if err != nil {
		return Tokens{}, err
	}
	last, err := s.store.LastN(ctx, t.device)
	if err != nil {
		return Tokens{}, fmt.Errorf("reading the device's last number: %w", err)
	}
	return Tokens{
		AccessToken: access, ExpiresIn: s.cfg.AccessTTL, RefreshToken: refresh, User: u, NextN: nextN(last),
	}, nil
}

// signAccess makes the access token of a device's family.
func (s *Service) signAccess(device inspection.Device, family string, now time.Time) (string, error) {
	k, ok := s.keys.newest(accessKeys)
	if !ok {
		return "", errors.New("auth: there is no key for access tokens")
	}
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, accessClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: tokenName, Audience: jwt.ClaimStrings{tokenName}, Subject: string(device.User),
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(s.cfg.AccessTTL)),
		},
		Device: string(device.ID), Family: family,
	})
	token.Header["kid"] = k.id
	text, err := token.SignedString(k.Secret)
	if err != nil {
		return "", fmt.Errorf("signing an access token: %w", err)
	}
	return text, nil
}

// nextN is the number after last. A phone that has used the highest number
// there is gets no other one.
func nextN(last int64) int64 {
	if last == math.MaxInt64 {
		return last
	}
	return last + 1
}

// Authorize returns the session of an access token. Returns
// CodeUnauthenticated for a token that isn't valid here or whose family was
// replaced, CodeTokenExpired, CodeTokenReused for a family that ended so, and
// CodeAccountDisabled.
func (s *Service) Authorize(ctx context.Context, accessToken string) (Session, error) {
	claims, err := s.parseAccess(ctx, accessToken)
	if err != nil {
		return Session{}, err
	}
	device, now := claims.device(), s.now()
	st, err := s.cache.get(ctx, device, now, s.loadState(device))
	if err != nil {
		return Session{}, err
	}
	session := st.session(device, claims.Family, claims.ExpiresAt.UTC())
	if st.family.ID != claims.Family {
		// The device may just have signed in through another process.
		return s.Recheck(ctx, session)
	}
	if err := st.check(claims.Family, now); err != nil {
		return Session{}, err
	}
	return session, nil
}

// errKeys marks that the keys couldn't be read, which is no fault of a token.
var errKeys = errors.New("auth: keys not readable")

// parseAccess checks signature, issuer, audience and expiry.
func (s *Service) parseAccess(ctx context.Context, text string) (*accessClaims, error) {
	if len(text) > maxTokenLength {
		return nil, unauthenticated()
	}
	var claims accessClaims
	_, err := jwt.ParseWithClaims(text, &claims, s.accessKey(ctx),
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithStrictDecoding(),
		jwt.WithExpirationRequired(), jwt.WithIssuer(tokenName), jwt.WithAudience(tokenName),
		jwt.WithTimeFunc(s.now))
	switch {
	case errors.Is(err, errKeys):
		return nil, err
	case errors.Is(err, jwt.ErrTokenExpired):
		return nil, tokenExpired()
	case err != nil || claims.Subject == "" || claims.Device == "" || claims.Family == "":
		return nil, unauthenticated()
	}
	return &claims, nil
}

func (s *Service) accessKey(ctx context.Context) jwt.Keyfunc {
	return func(t *jwt.Token) (any, error) {
		id, _ := t.Header["kid"].(string)
		k, ok, err := s.keys.find(ctx, accessKeys, id)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errKeys, err)
		}
		if !ok {
			return nil, errors.New("auth: unknown key")
		}
		return k.Secret, nil
	}
}

func unauthenticated() error {
	return inspection.Errorf(inspection.CodeUnauthenticated, "This sign-in is not valid here. Sign in again.")
}

func tokenExpired() error {
	return inspection.Errorf(inspection.CodeTokenExpired, "The token has expired. Refresh it, or sign in again.")
}
