package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"gridpatrol/cli/progress"
	"gridpatrol/store/folder"
	"gridpatrol/store/history"
)

type backupCommand struct {
	dataFlags `embed:""`
	quietFlag `embed:""`
	Output    filePath `short:"o" required:"" placeholder:"FILE" help:"File to write, or - for standard output. It holds password hashes and keys: keep it safe."`
}

// Run writes a backup beside a server that may be running.
func (c *backupCommand) Run(r *run) error {
	return withDatabase(r, c.location(), existing, func(db history.Database) error {
		p := c.progress(r, "backup")
		var contents *history.Contents
		write := func(w io.Writer) (err error) {
			contents, err = history.Backup(r.ctx, db, w, workOptions(p))
			p.End()
			return err
		}
		if c.Output == "-" {
			return write(r.Stdout)
		}
		if err := writeFile(c.Output, write); err != nil {
			return err
		}
		if !c.Quiet {
			fmt.Fprintf(r.Stdout, "backed up %s\n", summary(contents))
		}
		return nil
	})
}

func workOptions(p *progress.Line) history.Options {
	return history.Options{Now: now, NewID: newID, Progress: tellStep(p)}
}

// photosPart is the part of a backup that holds photos.
var photosPart = history.Pictures(nil).Name()

func summary(c *history.Contents) string {
	var items int64
	for _, n := range c.Items {
		items += n
	}
	photos := c.Items[photosPart]
	return fmt.Sprintf("%d entries in %d areas, %d rows and %d photos of database %s",
		c.Entries(), len(c.Heads), items-c.Items["log"]-photos, photos, c.Database)
}

// writeFile writes a file that appears whole or not at all, readable by its
// owner only. What was there before under its name stays until then.
func writeFile(name filePath, write func(io.Writer) error) error {
	file := string(name)
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return folder.Flush(filepath.Dir(file))
}

type restoreCommand struct {
	dataFlags `embed:""`
	quietFlag `embed:""`
	File      filePath `arg:"" help:"Backup to restore."`
}

// Validate refuses a command line without a backup.
func (c *restoreCommand) Validate() error {
	if info, err := os.Stat(string(c.File)); err != nil || info.IsDir() {
		return fmt.Errorf("there is no file %s", c.File)
	}
	return nil
}

// Run reads the backup twice: a broken one is refused before anything is
// written.
func (c *restoreCommand) Run(r *run) error {
	f, err := os.Open(string(c.File))
	if err != nil {
		return err
	}
	defer f.Close()
	p := c.progress(r, "restore")
	defer p.End()
	o, err := sized(f, p)
	if err != nil {
		return err
	}
	if _, err := history.CheckBackup(r.ctx, f, history.Database{Beside: []history.Part{history.Pictures(nil)}}, o); err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return withDatabase(r, c.location(), toFill, func(db history.Database) error {
		contents, err := history.Restore(r.ctx, f, db, o)
		if err != nil {
			return err
		}
		id, err := db.Store.ID(r.ctx)
		if err == nil && !c.Quiet {
			fmt.Fprintf(r.Stdout, "restored %s\nThe new database is %s: phones start over, and push again what it lacks.\n", summary(contents), id)
		}
		return err
	})
}

// sized lets progress in bytes be told as a part of the file.
func sized(f *os.File, p *progress.Line) (history.Options, error) {
	info, err := f.Stat()
	if err != nil {
		return history.Options{}, err
	}
	o := workOptions(p)
	tell := o.Progress
	o.Progress = func(x history.Progress) {
		x.Total = info.Size()
		tell(x)
	}
	return o, nil
}

type migrateCommand struct {
	quietFlag `embed:""`
	From      string `required:"" placeholder:"PLACE" help:"Folder of the database to move. It is read-only afterwards."`
	To        string `required:"" placeholder:"PLACE" help:"Folder to move it to; nothing may be there."`
}

// Run moves a database; after a crash the same command goes on.
func (c *migrateCommand) Run(r *run) error {
	return withDatabase(r, c.From, existing, func(from history.Database) error {
		return withDatabase(r, c.To, toFill, func(to history.Database) error {
			p := c.progress(r, "migrate")
			moved, err := history.Migrate(r.ctx, from, to, workOptions(p))
			p.End()
			if err != nil || c.Quiet {
				return err
			}
			what := "moved"
			if moved.Before {
				what = "had been moved before:"
			}
			fmt.Fprintf(r.Stdout, "%s database %s, %d areas with equal heads, to %s; what was there before is read-only now\n",
				what, moved.Database, len(moved.Heads), c.To)
			return nil
		})
	})
}
