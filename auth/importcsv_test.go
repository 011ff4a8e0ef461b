package auth

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

const listOfUsers = "\uFEFFusername,name,role,areas,password\r\n" +
	"li.na,李娜,inspector,610102003;610102001,first password\r\n" +
	"boss, 张伟 ,Supervisor,610102\r\n" +
	"bad.role,王五,chief,610102,some password\r\n" +
	"bad.area,王五,inspector,12345,some password\r\n" +
	"short,王五,inspector,610102,short\r\n" +
	"too,few\r\n" +
	"bro\"ken,王五,inspector,610102\r\n" +
	"gbk,\xc0\xee\xc4\xc8,inspector,610102\r\n" +
	"nowhere,赵六,admin,,\r\n"

func outcomes(results []ImportResult) string {
	var out []string
	for _, r := range results {
		out = append(out, string(r.Outcome))
	}
	return strings.Join(out, ",")
}

func TestImportCSV(t *testing.T) {
	b := newBench(t)
	results, err := b.ImportCSV(b.ctx, "", strings.NewReader(listOfUsers))
	if err != nil {
		t.Fatal(err)
	}
	if got := outcomes(results); got != "added,added,failed,failed,failed,failed,failed,failed,added" {
		t.Fatal(got)
	}
	for i, r := range results {
		if r.Line != i+2 || (r.Err != nil) != (r.Outcome == OutcomeFailed) {
			t.Errorf("result %d: %+v", i, r)
		}
		if r.Err != nil && (inspection.CodeOf(r.Err) != inspection.CodeBadRequest || r.Password != "") {
			t.Errorf("result %d: %+v", i, r)
		}
	}
	if results[0].Password != "" {
		t.Error("shows a password that was given")
	}
	for name, password := range map[string]string{"li.na": "first password", "boss": results[1].Password, "nowhere": results[8].Password} {
		if _, err := b.Login(b.ctx, request(name, password, 1)); err != nil {
			t.Errorf("%s with %q: %v", name, password, err)
		}
	}
	boss, err := b.UserByName(b.ctx, "boss")
	if err != nil || boss.Name != "张伟" || boss.Role != inspection.RoleSupervisor || !slices.Equal(boss.Areas, []inspection.Area{"610102"}) {
		t.Errorf("boss %+v, %v", boss, err)
	}
}

func TestImportTwice(t *testing.T) {
	b := newBench(t)
	if _, err := b.ImportCSV(b.ctx, "", strings.NewReader(listOfUsers)); err != nil {
		t.Fatal(err)
	}
	head, err := b.store.Head(b.ctx, inspection.ReferenceArea)
	if err != nil {
		t.Fatal(err)
	}
	session := b.authorize(mustLogin(b, "li.na", "first password").AccessToken)
	results, err := b.ImportCSV(b.ctx, "", strings.NewReader(listOfUsers))
	if got := outcomes(results); err != nil || got != "unchanged,unchanged,failed,failed,failed,failed,failed,failed,unchanged" {
		t.Fatal(got, err)
	}
	if now, err := b.store.Head(b.ctx, inspection.ReferenceArea); err != nil || now != head {
		t.Errorf("history grew: %v", err)
	}
	changed := "LI.NA,李娜,supervisor,610102003,ignored password"
	results, err = b.ImportCSV(b.ctx, "", strings.NewReader(changed))
	if got := outcomes(results); err != nil || got != "updated" || results[0].Line != 1 {
		t.Fatal(results, err)
	}
	fresh, err := b.Recheck(b.ctx, session) // the password is as it was, so the sign-in lives
	if err != nil || fresh.User.Role != inspection.RoleSupervisor || len(fresh.User.Areas) != 1 {
		t.Errorf("after: %+v, %v", fresh.User, err)
	}
	mustLogin(b, "li.na", "first password")
}

func mustLogin(b *bench, name, password string) Tokens {
	b.t.Helper()
	tokens, err := b.Login(b.ctx, request(name, password, 1))
	if err != nil {
		b.t.Fatal(err)
	}
	return tokens
}

func TestImportStopsWhenTheStoreIsGone(t *testing.T) {
	f := &faulty{Store: newStore(t)}
	b := newBenchOn(t, f, newClock())
	gone := errors.New("the disk is full")
	f.onAppend = func(*store.Commit) error { return gone }
	results, err := b.ImportCSV(b.ctx, "", strings.NewReader(listOfUsers))
	if !errors.Is(err, gone) || outcomes(results) != "failed" {
		t.Errorf("%s, %v", outcomes(results), err)
	}
}

func TestGeneratedPasswordsDiffer(t *testing.T) {
	b := newBench(t)
	seen := map[string]bool{}
	for range 100 {
		p, err := GeneratePassword(b.cfg.Random)
		if err != nil || checkPassword(p) != nil || seen[p] {
			t.Fatalf("%q, %v", p, err)
		}
		if strings.Trim(p, passwordAlphabet) != "" {
			t.Fatalf("%q has other characters", p)
		}
		seen[p] = true
	}
	letters := []rune(passwordAlphabet)
	slices.Sort(letters)
	if len(slices.Compact(letters)) != 32 {
		t.Error("the alphabet favours some characters")
	}
}
