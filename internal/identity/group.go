package identity

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// GroupKind tells what a group is for, in APS's numbers.
type GroupKind int64

// The kinds of group.
const (
	System     GroupKind = 0 // gives capabilities
	Functional GroupKind = 1 // mirrors the organisation; tasks are assigned to it
)

// Group is a set of users.
type Group struct {
	ID         int64
	Name       string
	ExternalID string // empty means none
	Kind       GroupKind
	ParentID   int64 // 0 means none
	ManagerID  int64 // 0 means none
	TenantID   int64 // 0 means none
	Status     string
	LastUpdate time.Time
	Users      int // how many members it has
}

const groupColumns = `g.id, g.name, COALESCE(g.external_id, ''), g.kind, COALESCE(g.parent_id, 0), COALESCE(g.manager_id, 0),
	COALESCE(g.tenant_id, 0), g.status, g.updated_at, (SELECT COUNT(*) FROM memberships m WHERE m.group_id = g.id)`

func (g *Group) columns() []any {
	return []any{&g.ID, &g.Name, &g.ExternalID, &g.Kind, &g.ParentID, &g.ManagerID, &g.TenantID, &g.Status, store.Time(&g.LastUpdate), &g.Users}
}

// adminGroup is the group that Bootstrap and NewUser.Admin use.
const adminGroup = "Administrators"

// makeAdmin adds a user to the first group that gives the administrators'
// capability, and makes that group when there is none.
func (s *Service) makeAdmin(ctx context.Context, tx *store.Tx, userID int64) error {
	var groupID int64
	err := tx.QueryRow(ctx, []any{&groupID}, `SELECT g.id FROM user_groups g JOIN capabilities c ON c.group_id = g.id
		WHERE c.name = $1 AND g.status = 'active' ORDER BY g.id LIMIT 1`, AdminCapability)
	if errors.Is(err, store.ErrNoRow) {
		var g *Group
		if g, err = s.insertGroup(ctx, tx, Group{Name: adminGroup, Kind: System}); err != nil {
			return err
		}
		groupID = g.ID
		err = s.addCapability(ctx, tx, groupID, AdminCapability)
	}
	if err != nil {
		return err
	}
	return s.addMember(ctx, tx, groupID, userID)
}

func (s *Service) addMember(ctx context.Context, tx *store.Tx, groupID, userID int64) error {
	n, err := tx.Exec(ctx, `INSERT INTO memberships (group_id, user_id) VALUES ($1, $2) ON CONFLICT (group_id, user_id) DO NOTHING`, groupID, userID)
	if err != nil || n == 0 {
		return err
	}
	return s.record(ctx, tx, "group.join", userID, audit.Details{"group": groupID})
}

// groupName names a group as the audit record does.
func groupName(id int64) string { return fmt.Sprintf("group:%d", id) }

// CreateGroup makes a group. An external id that exists gives a Conflict; a
// parent, manager or tenant that does not exist, a NotFound.
func (s *Service) CreateGroup(ctx context.Context, g Group) (*Group, error) {
	var made *Group
	err := s.db.Write(ctx, func(tx *store.Tx) (err error) {
		if err := s.checkGroup(ctx, tx, &g); err != nil {
			return err
		}
		made, err = s.insertGroup(ctx, tx, g)
		return err
	})
	if fault.Is(err, fault.Conflict) {
		return nil, fault.New(fault.Conflict, "A group with that external id exists already.")
	}
	return made, err
}

// checkGroup says what is wrong with a group.
func (s *Service) checkGroup(ctx context.Context, tx *store.Tx, g *Group) error {
	if g.Name == "" || !validText(g.Name) || !validText(g.ExternalID) || (g.Kind != System && g.Kind != Functional) {
		return fault.New(fault.Invalid, "a group needs a name of 1 to 200 characters and the type 0 (system) or 1 (functional)")
	}
	if g.ManagerID != 0 {
		if _, err := userWhere(ctx, tx, `u.id = $1`, g.ManagerID); err != nil {
			return err
		}
	}
	if err := s.belongs(ctx, tx, g.TenantID, 0); err != nil {
		return err
	}
	return above(ctx, tx, g)
}

// maxDepth bounds how deep groups are nested.
const maxDepth = 50

// above refuses a parent that does not exist and one that is the group itself or
// below it.
func above(ctx context.Context, tx *store.Tx, g *Group) error {
	for next, depth := g.ParentID, 0; next != 0; depth++ {
		if (g.ID != 0 && next == g.ID) || depth == maxDepth {
			return fault.New(fault.Invalid, "a group cannot be below itself, nor deeper than %d groups", maxDepth)
		}
		parent, err := groupByID(ctx, tx, next)
		if err != nil {
			return err
		}
		next = parent.ParentID
	}
	return nil
}

func (s *Service) insertGroup(ctx context.Context, tx *store.Tx, g Group) (*Group, error) {
	id, err := tx.Next(ctx, "group")
	if err != nil {
		return nil, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO user_groups (id, name, external_id, kind, parent_id, manager_id, tenant_id, status, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)`, id, g.Name, orNull(g.ExternalID), int64(g.Kind), orNullNumber(g.ParentID),
		orNullNumber(g.ManagerID), orNullNumber(g.TenantID), Active, store.Millis(s.cfg.Now()))
	if err == nil {
		err = s.cfg.Audit.Write(ctx, tx, audit.Event{Name: "group.create", Subject: groupName(id), Details: audit.Details{"name": g.Name}})
	}
	if err != nil {
		return nil, err
	}
	return groupByID(ctx, tx, id)
}

func groupByID(ctx context.Context, q store.Querier, id int64) (*Group, error) {
	var g Group
	err := q.QueryRow(ctx, g.columns(), `SELECT `+groupColumns+` FROM user_groups g WHERE g.id = $1`, id)
	if errors.Is(err, store.ErrNoRow) {
		return nil, fault.New(fault.NotFound, "There is no such group.")
	}
	return &g, err
}

// Group returns the group with that number, or a NotFound fault.
func (s *Service) Group(ctx context.Context, id int64) (*Group, error) {
	return groupByID(ctx, s.db, id)
}

// GroupQuery selects groups. The zero value selects the first page of all.
type GroupQuery struct {
	Filter     string     // part of the name, in any case
	ID         int64      // that very group; 0 means any
	Named      []string   // those of which one of these is the number or the name, at most MaxPage; none means all
	ManagerID  int64      // groups that this user manages; 0 means any
	ExternalID string     // the whole external id
	FoldID     string     // the whole external id in any case
	Kind       *GroupKind // nil means both kinds
	UserID     int64      // groups of which that user is a member; 0 means any
	TenantID   int64      // 0 means every tenant
	Status     string     // Active or Inactive; empty means both
	ParentID   int64      // groups directly below that one; 0 means any
	RelatedTo  int64      // groups that are related to that one; 0 means any
	Offset     int
	Limit      int // 0 means 25; at most MaxPage
}

// named is the condition on a group that has one of these names or numbers.
func named(names []string) (condition string, args []any) {
	var numbers []any
	for _, name := range names {
		args = append(args, name)
		if n, err := strconv.ParseInt(name, 10, 64); err == nil {
			numbers = append(numbers, n)
		}
	}
	list := func(n int) string { return `(` + strings.TrimSuffix(strings.Repeat("?, ", n), ", ") + `)` }
	condition = `g.name IN ` + list(len(args))
	if len(numbers) > 0 {
		condition = `(` + condition + ` OR g.id IN ` + list(len(numbers)) + `)`
	}
	return condition, append(args, numbers...)
}

func (q *GroupQuery) where() *store.Where {
	w := &store.Where{}
	if q.Filter != "" {
		w.Add(`LOWER(g.name) LIKE ? ESCAPE '!'`, store.Contains(q.Filter))
	}
	if q.ID != 0 {
		w.Add(`g.id = ?`, q.ID)
	}
	if len(q.Named) > 0 {
		condition, args := named(q.Named)
		w.Add(condition, args...)
	}
	if q.ManagerID != 0 {
		w.Add(`g.manager_id = ?`, q.ManagerID)
	}
	if q.ExternalID != "" {
		w.Add(`g.external_id = ?`, q.ExternalID)
	}
	if q.FoldID != "" {
		w.Add(`LOWER(g.external_id) = ?`, fold(q.FoldID))
	}
	if q.Kind != nil {
		w.Add(`g.kind = ?`, int64(*q.Kind))
	}
	if q.UserID != 0 {
		w.Add(`g.id IN (SELECT group_id FROM memberships WHERE user_id = ?)`, q.UserID)
	}
	if q.TenantID != 0 {
		w.Add(`g.tenant_id = ?`, q.TenantID)
	}
	if q.Status != "" {
		w.Add(`g.status = ?`, q.Status)
	}
	if q.ParentID != 0 {
		w.Add(`g.parent_id = ?`, q.ParentID)
	}
	if q.RelatedTo != 0 {
		w.Add(`g.id IN (SELECT related_id FROM group_relations WHERE group_id = ?)`, q.RelatedTo)
	}
	return w
}

// Groups returns a page of groups in the order of their names and how many there
// are in all.
func (s *Service) Groups(ctx context.Context, q GroupQuery) (groups []*Group, total int, err error) {
	w := q.where()
	err = s.db.Read(ctx, func(tx *store.Tx) error {
		if err := tx.QueryRow(ctx, []any{&total}, `SELECT COUNT(*) FROM user_groups g`+w.String(), w.Args...); err != nil {
			return err
		}
		condition := w.String()
		return tx.Query(ctx, func(r store.Row) error {
			var g Group
			groups = append(groups, &g)
			return r.Scan(g.columns()...)
		}, `SELECT `+groupColumns+` FROM user_groups g`+condition+` ORDER BY g.name, g.id`+pageOf(w, q.Offset, q.Limit), w.Args...)
	})
	return groups, total, err
}

// ActiveGroups returns the number and name of each active group that a user is a direct
// member of, MaxPage at most, in the order of names: what is asked with every call. The
// other fields are not read.
func (s *Service) ActiveGroups(ctx context.Context, userID int64) (groups []Group, err error) {
	err = s.db.Query(ctx, func(r store.Row) error {
		var g Group
		err := r.Scan(&g.ID, &g.Name)
		groups = append(groups, g)
		return err
	}, `SELECT g.id, g.name FROM memberships m JOIN user_groups g ON g.id = m.group_id WHERE m.user_id = $1 AND g.status = $2 ORDER BY g.name, g.id LIMIT $3`,
		userID, Active, MaxPage)
	return groups, err
}
