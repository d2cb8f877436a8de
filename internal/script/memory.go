package script

import (
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
	"time"
)

const (
	defaultMemory = 256 << 20
	watchEvery    = 20 * time.Millisecond
)

// watchMemory ends a run during which the memory in use grows by more than most bytes.
// Go counts memory for the process only, so whatever else grows meanwhile counts too;
// what can be collected does not. A run shorter than watchEvery is not looked at.
func watchMemory(ctx context.Context, most int64, end context.CancelCauseFunc) {
	timer := time.NewTicker(watchEvery)
	defer timer.Stop()
	start := int64(-1)
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		used := inUse()
		if start < 0 {
			start = used
		}
		if used-start <= most {
			continue
		}
		if runtime.GC(); inUse()-start > most {
			end(fmt.Errorf("the memory in use grew by more than %d bytes while it ran: %w", most, ErrLimit))
			return
		}
	}
}

// inUse is how many bytes objects take, those that were not yet collected included.
func inUse() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int64(min(sample[0].Value.Uint64(), 1<<62))
}
