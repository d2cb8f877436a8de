package identity

import (
	"context"
	"errors"
	"fmt"
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

// Capability is a right that a system group gives its members.
type Capability struct {
	ID   int64
	Name string
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

func (s *Service) addCapability(ctx context.Context, tx *store.Tx, groupID int64, name string) error {
	id, err := tx.Next(ctx, "capability")
	if err != nil {
		return err
	}
	n, err := tx.Exec(ctx, `INSERT INTO capabilities (id, group_id, name) VALUES ($1, $2, $3) ON CONFLICT (group_id, name) DO NOTHING`, id, groupID, name)
	if err != nil || n == 0 {
		return err
	}
	return s.cfg.Audit.Write(ctx, tx, audit.Event{Name: "group.capability", Subject: groupName(groupID), Details: audit.Details{"capability": name}})
}

// groupName names a group as the audit record does.
func groupName(id int64) string { return fmt.Sprintf("group:%d", id) }

// CreateGroup makes a group. An external id that exists gives a Conflict; a
// parent or manager that does not exist, a NotFound.
func (s *Service) CreateGroup(ctx context.Context, g Group) (*Group, error) {
	if g.Name == "" || !validText(g.Name) || !validText(g.ExternalID) || (g.Kind != System && g.Kind != Functional) {
		return nil, fault.New(fault.Invalid, "a group needs a name of 1 to 200 characters and the type 0 (system) or 1 (functional)")
	}
	var made *Group
	err := s.db.Write(ctx, func(tx *store.Tx) (err error) {
		if g.ParentID != 0 {
			if _, err := groupByID(ctx, tx, g.ParentID); err != nil {
				return err
			}
		}
		if g.ManagerID != 0 {
			if _, err := userWhere(ctx, tx, `u.id = $1`, g.ManagerID); err != nil {
				return err
			}
		}
		made, err = s.insertGroup(ctx, tx, g)
		return err
	})
	if fault.Is(err, fault.Conflict) {
		return nil, fault.New(fault.Conflict, "A group with that external id exists already.")
	}
	return made, err
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
	ExternalID string     // the whole external id
	FoldID     string     // the whole external id in any case
	Kind       *GroupKind // nil means both kinds
	UserID     int64      // groups of which that user is a member; 0 means any
	TenantID   int64      // 0 means every tenant
	Status     string     // Active or Inactive; empty means both
	Offset     int
	Limit      int // 0 means 25; at most MaxPage
}

func (q *GroupQuery) where() *store.Where {
	w := &store.Where{}
	if q.Filter != "" {
		w.Add(`LOWER(g.name) LIKE ? ESCAPE '!'`, store.Contains(q.Filter))
	}
	if q.ID != 0 {
		w.Add(`g.id = ?`, q.ID)
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

// AddMember puts a user into a group; one who is in it already stays.
func (s *Service) AddMember(ctx context.Context, groupID, userID int64) error {
	return s.db.Write(ctx, func(tx *store.Tx) error {
		if _, err := groupByID(ctx, tx, groupID); err != nil {
			return err
		}
		if _, err := userWhere(ctx, tx, `u.id = $1`, userID); err != nil {
			return err
		}
		return s.addMember(ctx, tx, groupID, userID)
	})
}

// RemoveMember takes a user out of a group. The last active administrator stays.
func (s *Service) RemoveMember(ctx context.Context, groupID, userID int64) error {
	return s.db.Write(ctx, func(tx *store.Tx) error {
		before, err := administrators(ctx, tx)
		if err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `DELETE FROM memberships WHERE group_id = $1 AND user_id = $2`, groupID, userID)
		if err == nil && n == 0 {
			err = fault.New(fault.NotFound, "The user is not a member of that group.")
		}
		if err != nil {
			return err
		}
		after, err := administrators(ctx, tx)
		if err == nil && before > 0 && after == 0 {
			err = fault.New(fault.Forbidden, "The last active administrator cannot leave the administrators.")
		}
		if err != nil {
			return err
		}
		return s.record(ctx, tx, "group.leave", userID, audit.Details{"group": groupID})
	})
}

// Capabilities returns what a group gives its members.
func (s *Service) Capabilities(ctx context.Context, groupID int64) (list []Capability, err error) {
	err = s.db.Query(ctx, func(r store.Row) error {
		var c Capability
		if err := r.Scan(&c.ID, &c.Name); err != nil {
			return err
		}
		list = append(list, c)
		return nil
	}, `SELECT id, name FROM capabilities WHERE group_id = $1 ORDER BY id`, groupID)
	return list, err
}

// UserCapabilities returns the names of what a user may do through his active
// groups.
func (s *Service) UserCapabilities(ctx context.Context, userID int64) (list []string, err error) {
	err = s.db.Query(ctx, func(r store.Row) error {
		var name string
		if err := r.Scan(&name); err != nil {
			return err
		}
		list = append(list, name)
		return nil
	}, `SELECT DISTINCT c.name FROM capabilities c JOIN user_groups g ON g.id = c.group_id JOIN memberships m ON m.group_id = g.id
		WHERE m.user_id = $1 AND g.status = 'active' ORDER BY c.name`, userID)
	return list, err
}
