package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/crypto/argon2"
)

// site is the place of one run: its folder, its database server, its processes.
type site struct {
	dir      string
	settings []string // of Sluice
	postgres *postgres
	running  []*process
	flush    time.Duration // what a flush to this disk takes
	hydra    string        // its program, once it is built
}

func newSite(ctx context.Context, o options) (*site, error) {
	if _, err := os.Stat(filepath.Join("servers", "zitadel", "go.mod")); err != nil {
		return nil, errors.New("run it as: go run -C bench ./servers")
	}
	dir, err := os.MkdirTemp("", "servers-")
	if err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	s := &site{dir: dir, settings: o.settings, postgres: &postgres{url: o.postgres, dir: filepath.Join(dir, "postgres")}}
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // PostgreSQL runs as a user of its own
		return nil, errors.Join(err, s.close())
	}
	if s.flush, err = flushTime(dir); err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.progress("a flush to disk takes %s", round(s.flush))
	return s, ctx.Err()
}

// progress tells on standard error how far it is; the report is on the other.
func (s *site) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

func (s *site) close() error {
	for _, p := range slices.Backward(s.running) {
		p.stop()
	}
	s.running = nil
	return errors.Join(s.postgres.close(), os.RemoveAll(s.dir))
}

// fresh makes a folder for one start.
func (s *site) fresh() (string, error) {
	dir, err := os.MkdirTemp(s.dir, "data-")
	if err != nil {
		return "", fmt.Errorf("making a data folder: %w", err)
	}
	return dir, nil
}

// flushTime is the median of what a write of 4 KiB and its flush take: the price of
// "committed before answered" on this disk.
func flushTime(dir string) (time.Duration, error) {
	f, err := os.Create(filepath.Join(dir, "flush"))
	if err != nil {
		return 0, fmt.Errorf("measuring the disk: %w", err)
	}
	defer f.Close()
	times, block := make([]time.Duration, 0, 100), make([]byte, 4096)
	for range cap(times) {
		begin := time.Now()
		if _, err = f.Write(block); err == nil {
			err = f.Sync()
		}
		if err != nil {
			return 0, fmt.Errorf("measuring the disk: %w", err)
		}
		times = append(times, time.Since(begin))
	}
	return middle(times), nil
}

// hashAlone computes the password hash that Sluice uses, on all processors and with
// nothing around it.
func hashAlone(span time.Duration) sample {
	end, counts := time.Now().Add(span), make([]int, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for i := range counts {
		wg.Go(func() {
			for salt := make([]byte, 16); time.Now().Before(end); counts[i]++ {
				argon2.IDKey([]byte(user.secret), salt, 2, 19<<10, 1, 32)
			}
		})
	}
	begin, before := end.Add(-span), ownTime()
	wg.Wait()
	total := 0
	for _, n := range counts {
		total += n
	}
	return sample{rate: float64(total) / time.Since(begin).Seconds(), cpu: (ownTime() - before) / time.Duration(max(total, 1))}
}

// ownTime is the processor time of this very process.
func ownTime() time.Duration {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// postgres is a PostgreSQL server: the operator's, or one that is started when the
// first database is asked for, with fsync on.
type postgres struct {
	url, dir string
	own      bool
	pid      int
	version  string
	made     []string
}

const script = "../clients/postgres"

// database makes an empty database and returns its URL.
func (p *postgres) database(ctx context.Context) (string, error) {
	if p.url == "" {
		if err := p.start(ctx); err != nil {
			return "", err
		}
	}
	name := fmt.Sprintf("servers_%d_%d", os.Getpid(), len(p.made))
	if err := p.do(ctx, "CREATE DATABASE "+name); err != nil {
		return "", fmt.Errorf("making a database: %w", err)
	}
	p.made = append(p.made, name)
	u, err := url.Parse(p.url)
	if err != nil {
		return "", errors.New("-postgres is no URL")
	}
	u.Path = "/" + name
	return u.String(), nil
}

func (p *postgres) start(ctx context.Context) error {
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	out, err := execute(ctx, "", []string{"FSYNC=on"}, script, "start", p.dir, strconv.Itoa(port))
	if err != nil {
		return err
	}
	p.url, p.own = strings.TrimSpace(string(out)), true
	pid, err := os.ReadFile(filepath.Join(p.dir, "data", "postmaster.pid"))
	if err != nil {
		return fmt.Errorf("looking for the server's process: %w", err)
	}
	first, _, _ := strings.Cut(string(pid), "\n")
	p.pid, err = strconv.Atoi(first)
	return err
}

func (p *postgres) do(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, p.url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if err := conn.QueryRow(ctx, "SELECT 'PostgreSQL ' || current_setting('server_version') || ', fsync ' || current_setting('fsync') ||"+
		" ', synchronous_commit ' || current_setting('synchronous_commit')").Scan(&p.version); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return err
}

// close ends the server that was started, or drops what was made on another's.
func (p *postgres) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if p.own {
		_, err := execute(ctx, "", nil, script, "stop", p.dir)
		return err
	}
	var errs []error
	for _, name := range p.made {
		errs = append(errs, p.do(ctx, "DROP DATABASE "+name+" WITH (FORCE)"))
	}
	return errors.Join(errs...)
}
