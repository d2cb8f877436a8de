import { Component, inject, input, numberAttribute, signal } from '@angular/core';
import { MatButtonModule } from '@angular/material/button';
import { Router, RouterLink } from '@angular/router';
import { DataColumnComponent, DataColumnListComponent, FullNamePipe } from '@alfresco/adf-core';
import { UserTaskFilterRepresentation } from '@alfresco/js-api';
import { AttachmentComponent, TaskAttachmentListComponent, TaskDetailsComponent, TaskFiltersComponent, TaskListComponent } from '@alfresco/adf-process-services';

// The user's tasks in one app, by ADF's filters.
@Component({
  imports: [DataColumnComponent, DataColumnListComponent, FullNamePipe, MatButtonModule, RouterLink, TaskFiltersComponent, TaskListComponent],
  template: `
    <div class="columns">
      <nav>
        <a mat-button id="start" [routerLink]="['/apps', app(), 'start']">Start a process</a>
        <a mat-button id="instances" [routerLink]="['/apps', app(), 'instances']">Processes</a>
        <adf-task-filters [appId]="app()" (success)="filter.set($event[0])" (filterClicked)="filter.set($event)" />
      </nav>
      <section>
        @if (filter()?.filter; as by) {
          <adf-tasklist [appId]="app()" [state]="by.state!" [assignment]="by.assignment!" [sort]="by.sort!" (rowClick)="open($event)">
            <data-columns>
              <data-column key="name" title="Task" />
              <data-column key="created" type="date" title="Created" />
              <data-column key="assignee" title="Assignee">
                <ng-template let-entry>{{ entry.row.obj.assignee | fullName }}</ng-template>
              </data-column>
            </data-columns>
          </adf-tasklist>
        }
      </section>
    </div>
  `,
})
export class Tasks {
  private readonly router = inject(Router);
  readonly app = input.required({ transform: numberAttribute });
  readonly filter = signal<UserTaskFilterRepresentation | undefined>(undefined);

  open(id: string) {
    this.router.navigate(['apps', this.app(), 'tasks', id]);
  }
}

// One task: its form, people, checklist and comments, and the files attached to it.
@Component({
  imports: [AttachmentComponent, MatButtonModule, RouterLink, TaskAttachmentListComponent, TaskDetailsComponent],
  template: `
    <a mat-button id="tasks" [routerLink]="['/apps', app(), 'tasks']">Tasks</a>
    <adf-task-details [taskId]="task()" [showNextTask]="false" (formCompleted)="done()" />
    <h3>Files</h3>
    <adf-create-task-attachment [taskId]="task()" (success)="files.reload()" />
    <adf-task-attachment-list #files [taskId]="task()" />
  `,
})
export class Task {
  private readonly router = inject(Router);
  readonly app = input.required({ transform: numberAttribute });
  readonly task = input.required<string>();

  done() {
    this.router.navigate(['apps', this.app(), 'tasks']);
  }
}
