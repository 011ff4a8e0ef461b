package cli

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"gridpatrol/auth"
	"gridpatrol/inspection"
	"gridpatrol/server"
	"gridpatrol/store"
)

type userCommands struct {
	Add     userAdd     `cmd:"" help:"Add an account."`
	Import  userImport  `cmd:"" help:"Add or update accounts from CSV: username,name,role,areas,password."`
	Disable userDisable `cmd:"" help:"Disable an account and end its sign-ins."`
	Enable  userEnable  `cmd:"" help:"Enable a disabled account."`
	Reset   userReset   `cmd:"" help:"Set a new password and end the account's sign-ins."`
	Grant   userGrant   `cmd:"" help:"Set the areas of an account."`
	List    userList    `cmd:"" help:"List the accounts."`
}

type passwordFlags struct {
	PasswordStdin bool `help:"Read the password from the first line of standard input. Without it, one is made and printed."`
}

// read returns the password, and whether it was made here.
func (f passwordFlags) read(in io.Reader) (password string, made bool, err error) {
	if !f.PasswordStdin {
		password, err = auth.GeneratePassword(rand.Reader)
		return password, true, err
	}
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", false, err
	}
	return strings.TrimRight(line, "\r\n"), false, nil
}

// createFlag is taken by what may come before the first start of a server.
type createFlag struct {
	Create bool `help:"Make the database if there is none yet."`
}

func (f createFlag) withAccounts(r *run, data dataFlags, do func(*auth.Service) error) error {
	if f.Create {
		return withAccounts(r, data, orNew, do)
	}
	err := withAccounts(r, data, existing, do)
	var placed *placedError
	if errors.As(err, &placed) && inspection.CodeOf(err) == inspection.CodeNotFound {
		err = fmt.Errorf("%w With --create, a new one is made", err)
	}
	return err
}

// withAccounts opens the store beside a server that may be running on it.
func withAccounts(r *run, data dataFlags, p presence, do func(*auth.Service) error) error {
	return withStore(r, data.location(), p, func(st store.Store) error {
		base, err := server.NewBase(r.ctx, serverConfig(r, st))
		if err != nil {
			return err
		}
		defer base.Close()
		return do(base.Auth)
	})
}

type userAdd struct {
	dataFlags     `embed:""`
	createFlag    `embed:""`
	passwordFlags `embed:""`
	Username      string            `arg:"" help:"Name to sign in with."`
	Name          string            `required:"" help:"Name of the person."`
	Role          inspection.Role   `required:"" enum:"inspector,supervisor,admin" help:"inspector, supervisor or admin."`
	Area          []inspection.Area `required:"" help:"Code of an area; it covers all below it. May be repeated."`
}

// Run adds the account.
func (c *userAdd) Run(r *run) error {
	password, made, err := c.read(r.Stdin)
	if err != nil {
		return err
	}
	return c.withAccounts(r, c.dataFlags, func(a *auth.Service) error {
		u, err := a.AddUser(r.ctx, "", auth.NewUser{
			Username: c.Username, Name: c.Name, Password: password, Role: c.Role, Areas: c.Area,
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(r.Stdout, "added %s, %s of %s\n", u.Username, u.Role, areaList(u.Areas))
		return printPassword(r.Stdout, password, made)
	})
}

func printPassword(w io.Writer, password string, made bool) error {
	if !made {
		return nil
	}
	_, err := fmt.Fprintln(w, "password:", password)
	return err
}

func areaList(areas []inspection.Area) string {
	parts := make([]string, len(areas))
	for i, a := range areas {
		parts[i] = string(a)
	}
	return strings.Join(parts, ";")
}

type userImport struct {
	dataFlags  `embed:""`
	createFlag `embed:""`
	File       string `arg:"" help:"CSV file, or - for standard input."`
}

// Run imports the accounts and prints what became of each line.
func (c *userImport) Run(r *run) error {
	in := r.Stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	return c.withAccounts(r, c.dataFlags, func(a *auth.Service) error {
		results, err := a.ImportCSV(r.ctx, "", in)
		failed := printImport(r.Stdout, results)
		if err != nil {
			return err
		}
		if failed > 0 {
			return fmt.Errorf("%d of %d lines failed; correct them and import the file again", failed, len(results))
		}
		return nil
	})
}

func printImport(w io.Writer, results []auth.ImportResult) (failed int) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "LINE\tUSERNAME\tRESULT\tPASSWORD OR REASON")
	for _, res := range results {
		note := res.Password
		if res.Err != nil {
			failed++
			note = explain(res.Err)
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\n", res.Line, res.Username, res.Outcome, note)
	}
	table.Flush()
	return failed
}

// accountArg names an account that there is.
type accountArg struct {
	dataFlags `embed:""`
	Username  string `arg:"" help:"Name to sign in with."`
}

// patch changes the account and prints what was done to it.
func (c accountArg) patch(r *run, patch auth.UserPatch, done string) error {
	return withAccounts(r, c.dataFlags, existing, func(a *auth.Service) error {
		u, err := a.UserByName(r.ctx, c.Username)
		if err != nil {
			return err
		}
		if u, err = a.UpdateUser(r.ctx, "", u.ID, patch); err != nil {
			return err
		}
		_, err = fmt.Fprintf(r.Stdout, "%s %s\n", done, u.Username)
		return err
	})
}

type userDisable struct {
	accountArg `embed:""`
}

// Run disables the account.
func (c *userDisable) Run(r *run) error {
	disabled := true
	return c.patch(r, auth.UserPatch{Disabled: &disabled}, "disabled")
}

type userEnable struct {
	accountArg `embed:""`
}

// Run enables the account.
func (c *userEnable) Run(r *run) error {
	disabled := false
	return c.patch(r, auth.UserPatch{Disabled: &disabled}, "enabled")
}

type userGrant struct {
	accountArg `embed:""`
	Area       []inspection.Area `required:"" help:"Code of an area; these replace all that the account had. May be repeated."`
}

// Run sets the areas of the account.
func (c *userGrant) Run(r *run) error {
	return c.patch(r, auth.UserPatch{Areas: &c.Area}, "granted "+areaList(c.Area)+" to")
}

type userReset struct {
	accountArg    `embed:""`
	passwordFlags `embed:""`
}

// Run sets a new password.
func (c *userReset) Run(r *run) error {
	password, made, err := c.read(r.Stdin)
	if err != nil {
		return err
	}
	if err := c.patch(r, auth.UserPatch{Password: &password}, "reset"); err != nil {
		return err
	}
	return printPassword(r.Stdout, password, made)
}

type userList struct {
	dataFlags `embed:""`
}

// Run lists the accounts.
func (c *userList) Run(r *run) error {
	return withAccounts(r, c.dataFlags, existing, func(a *auth.Service) error {
		users, err := a.Users(r.ctx)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(r.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "USERNAME\tNAME\tROLE\tAREAS\tSTATE")
		for _, u := range users {
			state := "enabled"
			if u.Disabled {
				state = "disabled"
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", u.Username, u.Name, u.Role, areaList(u.Areas), state)
		}
		return table.Flush()
	})
}
