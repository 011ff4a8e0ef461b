package auth

import (
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gridpatrol/inspection"
)

func TestRefreshRotates(t *testing.T) {
	b := newBench(t)
	b.addUser("li.na", "610102003")
	first := b.login("li.na", 1)
	second := b.refresh(first.RefreshToken)
	if second.RefreshToken == first.RefreshToken {
		t.Fatal("the token did not rotate")
	}
	if second.User.Username != "li.na" || second.NextN != 1 || second.ExpiresIn != 15*time.Minute {
		t.Errorf("answered %+v", second)
	}
	b.authorize(second.AccessToken)
	b.authorize(first.AccessToken) // still of the same family
}

// A phone that lost the reply and went out of coverage asks again with the
// predecessor, however late.
func TestLostReplyAnswersTheSameSuccessor(t *testing.T) {
	b := newBench(t)
	b.addUser("li.na")
	first := b.login("li.na", 1)
	second := b.refresh(first.RefreshToken)
	for _, later := range []time.Duration{0, time.Minute, 40 * 24 * time.Hour, 89 * 24 * time.Hour} {
		b.clock.advance(later)
		if again := b.refresh(first.RefreshToken); again.RefreshToken != second.RefreshToken {
			t.Fatalf("after %s: another successor", later)
		}
	}
	b.refresh(second.RefreshToken)
}

func TestUsedPredecessorWithinGrace(t *testing.T) {
	for _, c := range []struct {
		name  string
		later time.Duration
		ok    bool
	}{
		{"at once", 0, true},
		{"at the end of the grace", time.Minute, true},
		{"after the grace", time.Minute + time.Nanosecond, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.addUser("li.na")
			first := b.login("li.na", 1)
			second := b.refresh(first.RefreshToken)
			third := b.refresh(second.RefreshToken)
			b.clock.advance(c.later)
			if c.ok {
				if again := b.refresh(first.RefreshToken); again.RefreshToken != second.RefreshToken {
					t.Error("another successor")
				}
				b.refresh(third.RefreshToken)
				return
			}
			b.refuse(first.RefreshToken, inspection.CodeTokenReused)
			b.refuse(third.RefreshToken, inspection.CodeTokenReused)
			b.unauthorized(third.AccessToken, inspection.CodeTokenReused)
		})
	}
}

func TestAnythingOlderEndsTheFamilyEvenWithinTheGrace(t *testing.T) {
	b := newBench(t)
	b.addUser("li.na")
	first := b.login("li.na", 1)
	other := b.login("li.na", 2)
	last := first
	for range 3 {
		last = b.refresh(last.RefreshToken)
	}
	b.refuse(first.RefreshToken, inspection.CodeTokenReused)
	b.refuse(last.RefreshToken, inspection.CodeTokenReused)
	b.refresh(other.RefreshToken) // another device is another family
	b.refresh(b.login("li.na", 1).RefreshToken)
}

func TestFamilyLives90DaysFromItsLastUse(t *testing.T) {
	b := newBench(t)
	b.addUser("li.na")
	tokens := b.login("li.na", 1)
	for range 3 {
		b.clock.advance(90*24*time.Hour - time.Second)
		tokens = b.refresh(tokens.RefreshToken)
	}
	b.clock.advance(90 * 24 * time.Hour)
	b.refuse(tokens.RefreshToken, inspection.CodeTokenExpired)
}

func TestNewSignInReplacesTheFamily(t *testing.T) {
	b := newBench(t)
	b.addUser("li.na")
	old := b.login("li.na", 1)
	b.authorize(old.AccessToken)
	fresh := b.login("li.na", 1)
	b.refuse(old.RefreshToken, inspection.CodeUnauthenticated)
	b.unauthorized(old.AccessToken, inspection.CodeUnauthenticated)
	b.authorize(fresh.AccessToken)
	b.refresh(fresh.RefreshToken)
}

func TestLogoutEndsTheFamily(t *testing.T) {
	b := newBench(t)
	b.addUser("li.na")
	tokens := b.login("li.na", 1)
	session := b.authorize(tokens.AccessToken)
	for range 2 { // signing out twice is fine
		if err := b.Logout(b.ctx, session); err != nil {
			t.Fatal(err)
		}
	}
	b.unauthorized(tokens.AccessToken, inspection.CodeUnauthenticated)
	b.refuse(tokens.RefreshToken, inspection.CodeUnauthenticated)
	if _, err := b.Recheck(b.ctx, session); inspection.CodeOf(err) != inspection.CodeUnauthenticated {
		t.Errorf("an open stream is told %v", err)
	}
}

func TestLogoutOfAReplacedSessionLeavesTheNewOne(t *testing.T) {
	b := newBench(t)
	b.addUser("li.na")
	old := b.authorize(b.login("li.na", 1).AccessToken)
	fresh := b.login("li.na", 1)
	if err := b.Logout(b.ctx, old); err != nil {
		t.Fatal(err)
	}
	b.authorize(fresh.AccessToken)
}

// Requests that find the access token expired refresh all at once, here
// through two processes.
func TestConcurrentRefreshGivesOneSuccessor(t *testing.T) {
	st, c := newStore(t), newClock()
	benches := []*bench{newBenchOn(t, st, c), newBenchOn(t, st, c)}
	benches[0].addUser("li.na")
	first := benches[0].login("li.na", 1)
	const callers = 16
	answers := make([]string, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			tokens, err := benches[i%2].Refresh(t.Context(), first.RefreshToken, home)
			if err != nil {
				t.Error(err)
			}
			answers[i] = tokens.RefreshToken
		})
	}
	wg.Wait()
	for _, a := range answers {
		if a == "" || a != answers[0] {
			t.Fatalf("different successors: %q", answers)
		}
	}
	benches[1].refresh(answers[0])
}

// Whatever comes when: exactly the current token, its predecessor, and the
// one before within the grace are answered, each always with the same
// successor; any other ends the family.
func TestFamilyAgainstAModel(t *testing.T) {
	b := newBench(t)
	b.addUser("li.na")
	devices := 0
	rapid.Check(t, func(r *rapid.T) {
		devices++
		tokens := []string{b.login("li.na", devices).RefreshToken}
		made := []time.Time{b.clock.Now()}
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			b.clock.advance(rapid.SampledFrom([]time.Duration{0, 59 * time.Second, time.Minute, time.Hour}).Draw(r, "later"))
			i := rapid.IntRange(max(0, len(tokens)-4), len(tokens)-1).Draw(r, "token")
			age := len(tokens) - 1 - i
			answer, err := b.Refresh(b.ctx, tokens[i], home)
			switch {
			case age == 0 && err == nil:
				tokens, made = append(tokens, answer.RefreshToken), append(made, b.clock.Now())
			case age == 1, age == 2 && b.clock.Now().Sub(made[i+1]) <= time.Minute:
				if err != nil || answer.RefreshToken != tokens[i+1] {
					r.Fatalf("token of age %d: not the same successor: %v", age, err)
				}
			default:
				if inspection.CodeOf(err) != inspection.CodeTokenReused {
					r.Fatalf("token of age %d: %v", age, err)
				}
				b.refuse(tokens[len(tokens)-1], inspection.CodeTokenReused)
				return
			}
		}
	})
}
