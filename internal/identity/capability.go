package identity

import (
	"context"
	"slices"

	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// Capability is a right that a system group gives its members.
type Capability struct {
	ID   int64
	Name string
}

// capabilityNames are APS's capabilities, the only ones that a group can be given.
var capabilityNames = []string{
	"access-all-models-in-tenant", "access-editor", "access-metrics", "access-reports", "publish-app-to-dashboard",
	AdminCapability, "tenant-admin-api", "tenant-mgmt", "tenant-mgmt-api", "upload-license",
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

// PotentialCapabilities returns what a group could be given besides what it has; none
// for a functional group, which mirrors the organisation and gives no rights.
func (s *Service) PotentialCapabilities(ctx context.Context, groupID int64) ([]string, error) {
	g, err := s.Group(ctx, groupID)
	if err != nil || g.Kind != System {
		return nil, err
	}
	has, err := s.Capabilities(ctx, groupID)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(capabilityNames), func(name string) bool {
		return slices.ContainsFunc(has, func(c Capability) bool { return c.Name == name })
	}), nil
}

// AddCapabilities gives a system group rights; those that it has already stay.
func (s *Service) AddCapabilities(ctx context.Context, groupID int64, names []string) error {
	for _, name := range names {
		if !slices.Contains(capabilityNames, name) {
			return fault.New(fault.Invalid, "There is no capability of that name; potential-capabilities lists them.")
		}
	}
	return s.db.Write(ctx, func(tx *store.Tx) error {
		g, err := groupByID(ctx, tx, groupID)
		if err != nil {
			return err
		}
		if g.Kind != System {
			return fault.New(fault.Invalid, "Only a system group has capabilities.")
		}
		for _, name := range names {
			if err := s.addCapability(ctx, tx, groupID, name); err != nil {
				return err
			}
		}
		return nil
	})
}

// RemoveCapability takes a right from a group. The last active administrator stays
// one.
func (s *Service) RemoveCapability(ctx context.Context, groupID, id int64) error {
	return s.keeping(ctx, "The last active administrator cannot lose this capability.", func(tx *store.Tx) error {
		var name string
		var gone bool
		err := tx.Query(ctx, func(r store.Row) error {
			gone = true
			return r.Scan(&name)
		}, `DELETE FROM capabilities WHERE id = $1 AND group_id = $2 RETURNING name`, id, groupID)
		if err == nil && !gone {
			err = fault.New(fault.NotFound, "The group does not have that capability.")
		}
		if err != nil {
			return err
		}
		return s.recordGroup(ctx, tx, "group.capability_end", groupID, audit.Details{"capability": name})
	})
}
