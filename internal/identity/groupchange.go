package identity

import (
	"context"

	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

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

// AddEveryone puts all active users into a group: those of its tenant, or of all
// tenants when it has none. It returns how many came.
func (s *Service) AddEveryone(ctx context.Context, groupID int64) (n int64, err error) {
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		g, err := groupByID(ctx, tx, groupID)
		if err != nil {
			return err
		}
		n, err = tx.Exec(ctx, `INSERT INTO memberships (group_id, user_id) SELECT CAST($1 AS BIGINT), u.id FROM users u WHERE u.status = 'active'
			AND (u.tenant_id = $2 OR $2 = 0) AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.group_id = $1 AND m.user_id = u.id)`, g.ID, g.TenantID)
		if err != nil || n == 0 {
			return err
		}
		return s.recordGroup(ctx, tx, "group.join_all", g.ID, audit.Details{"users": n})
	})
	return n, err
}

// RemoveMember takes a user out of a group. The last active administrator stays.
func (s *Service) RemoveMember(ctx context.Context, groupID, userID int64) error {
	return s.keeping(ctx, "The last active administrator cannot leave the administrators.", func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM memberships WHERE group_id = $1 AND user_id = $2`, groupID, userID)
		if err == nil && n == 0 {
			err = fault.New(fault.NotFound, "The user is not a member of that group.")
		}
		if err != nil {
			return err
		}
		return s.record(ctx, tx, "group.leave", userID, audit.Details{"group": groupID})
	})
}

// keeping runs a change and takes it back when nobody could administer after it.
func (s *Service) keeping(ctx context.Context, refusal string, change func(*store.Tx) error) error {
	return s.db.Write(ctx, func(tx *store.Tx) error {
		before, err := administrators(ctx, tx)
		if err == nil {
			err = change(tx)
		}
		if err != nil {
			return err
		}
		after, err := administrators(ctx, tx)
		if err == nil && before > 0 && after == 0 {
			err = fault.New(fault.Forbidden, "%s", refusal)
		}
		return err
	})
}

// recordGroup writes the line of a change of a group.
func (s *Service) recordGroup(ctx context.Context, tx *store.Tx, event string, groupID int64, details audit.Details) error {
	return s.cfg.Audit.Write(ctx, tx, audit.Event{Name: event, Subject: groupName(groupID), Details: details})
}

// GroupUpdate holds what changes of a group; a nil field stays as it is. Its kind and
// its tenant are for good.
type GroupUpdate struct {
	Name, ExternalID    *string
	ParentID, ManagerID *int64 // 0 means none
}

// UpdateGroup changes a group and returns it as it is then.
func (s *Service) UpdateGroup(ctx context.Context, id int64, change GroupUpdate) (*Group, error) {
	var g *Group
	err := s.db.Write(ctx, func(tx *store.Tx) (err error) {
		if g, err = groupByID(ctx, tx, id); err != nil {
			return err
		}
		change.apply(g)
		if err = s.checkGroup(ctx, tx, g); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE user_groups SET name = $1, external_id = $2, parent_id = $3, manager_id = $4, updated_at = $5 WHERE id = $6`,
			g.Name, orNull(g.ExternalID), orNullNumber(g.ParentID), orNullNumber(g.ManagerID), store.Millis(s.cfg.Now()), id)
		if err != nil {
			return err
		}
		if err = s.recordGroup(ctx, tx, "group.change", id, audit.Details{"name": g.Name}); err != nil {
			return err
		}
		g, err = groupByID(ctx, tx, id)
		return err
	})
	if fault.Is(err, fault.Conflict) {
		return nil, fault.New(fault.Conflict, "A group with that external id exists already.")
	}
	return g, err
}

func (c *GroupUpdate) apply(g *Group) {
	if c.Name != nil {
		g.Name = *c.Name
	}
	if c.ExternalID != nil {
		g.ExternalID = *c.ExternalID
	}
	if c.ParentID != nil {
		g.ParentID = *c.ParentID
	}
	if c.ManagerID != nil {
		g.ManagerID = *c.ManagerID
	}
}

// DeleteGroup ends a group. An active functional one, to which tasks may be assigned,
// becomes inactive first and can be activated again; any other goes for good, unless
// there are groups below it (Conflict).
func (s *Service) DeleteGroup(ctx context.Context, id int64) error {
	return s.keeping(ctx, "The group of the last active administrator cannot be deleted.", func(tx *store.Tx) error {
		g, err := groupByID(ctx, tx, id)
		if err != nil {
			return err
		}
		if g.Kind == Functional && g.Status == Active {
			return s.setGroupStatus(ctx, tx, id, Inactive)
		}
		var below int
		if err := tx.QueryRow(ctx, []any{&below}, `SELECT COUNT(*) FROM user_groups WHERE parent_id = $1`, id); err != nil {
			return err
		}
		if below > 0 {
			return fault.New(fault.Conflict, "There are groups below this one.")
		}
		if _, err := tx.Exec(ctx, `DELETE FROM user_groups WHERE id = $1`, id); err != nil {
			return err
		}
		return s.recordGroup(ctx, tx, "group.delete", id, audit.Details{"name": g.Name})
	})
}

// ActivateGroup lets a group count again.
func (s *Service) ActivateGroup(ctx context.Context, id int64) error {
	return s.db.Write(ctx, func(tx *store.Tx) error {
		g, err := groupByID(ctx, tx, id)
		if err != nil || g.Status == Active {
			return err
		}
		return s.setGroupStatus(ctx, tx, id, Active)
	})
}

func (s *Service) setGroupStatus(ctx context.Context, tx *store.Tx, id int64, status string) error {
	_, err := tx.Exec(ctx, `UPDATE user_groups SET status = $1, updated_at = $2 WHERE id = $3`, status, store.Millis(s.cfg.Now()), id)
	if err != nil {
		return err
	}
	return s.recordGroup(ctx, tx, map[string]string{Active: "group.enable", Inactive: "group.disable"}[status], id, nil)
}

// Relate notes that a group belongs together with another; kind says how.
func (s *Service) Relate(ctx context.Context, groupID, relatedID int64, kind string) error {
	if kind == "" || !validText(kind) || groupID == relatedID {
		return fault.New(fault.Invalid, "a relation needs two groups and a type of 1 to 200 characters")
	}
	return s.db.Write(ctx, func(tx *store.Tx) error {
		for _, id := range []int64{groupID, relatedID} {
			if _, err := groupByID(ctx, tx, id); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `INSERT INTO group_relations (group_id, related_id, kind) VALUES ($1, $2, $3)
			ON CONFLICT (group_id, related_id) DO UPDATE SET kind = excluded.kind`, groupID, relatedID, kind)
		if err != nil {
			return err
		}
		return s.recordGroup(ctx, tx, "group.relate", groupID, audit.Details{"group": relatedID, "kind": kind})
	})
}

// Unrelate takes that back.
func (s *Service) Unrelate(ctx context.Context, groupID, relatedID int64) error {
	return s.db.Write(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM group_relations WHERE group_id = $1 AND related_id = $2`, groupID, relatedID)
		if err == nil && n == 0 {
			err = fault.New(fault.NotFound, "The groups are not related.")
		}
		if err != nil {
			return err
		}
		return s.recordGroup(ctx, tx, "group.unrelate", groupID, audit.Details{"group": relatedID})
	})
}
