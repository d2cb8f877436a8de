import { Component, inject, input, numberAttribute, signal } from '@angular/core';
import { MatButtonModule } from '@angular/material/button';
import { Router, RouterLink } from '@angular/router';
import { DataColumnComponent, DataColumnListComponent } from '@alfresco/adf-core';
import {
  ProcessAttachmentListComponent, ProcessFiltersComponent, ProcessInstanceDetailsComponent, ProcessInstanceListComponent, TaskDetailsEvent,
} from '@alfresco/adf-process-services';
import { UserProcessInstanceFilterRepresentation } from '@alfresco/js-api';

// The user's instances in one app, by ADF's filters.
@Component({
  imports: [DataColumnComponent, DataColumnListComponent, MatButtonModule, ProcessFiltersComponent, ProcessInstanceListComponent, RouterLink],
  template: `
    <div class="columns">
      <nav>
        <a mat-button id="tasks" [routerLink]="['/apps', app(), 'tasks']">Tasks</a>
        <adf-process-instance-filters [appId]="app()" (success)="filter.set($event[0])" (filterClicked)="filter.set($event)" />
      </nav>
      <section>
        @if (filter()?.filter; as by) {
          <adf-process-instance-list [appId]="app()" [state]="$any(by.state)" [sort]="$any(by.sort)" (rowClick)="open($event)">
            <data-columns>
              <data-column key="name" title="Process" />
              <data-column key="started" type="date" title="Started" />
              <data-column key="ended" type="date" title="Ended" />
            </data-columns>
          </adf-process-instance-list>
        }
      </section>
    </div>
  `,
})
export class Instances {
  private readonly router = inject(Router);
  readonly app = input.required({ transform: numberAttribute });
  readonly filter = signal<UserProcessInstanceFilterRepresentation | undefined>(undefined);

  open(id: string) {
    this.router.navigate(['apps', this.app(), 'instances', id]);
  }
}

// One instance: its tasks, those that are done too, its start form, comments and files.
@Component({
  imports: [MatButtonModule, ProcessAttachmentListComponent, ProcessInstanceDetailsComponent, RouterLink],
  template: `
    <a mat-button id="instances" [routerLink]="['/apps', app(), 'instances']">Processes</a>
    <adf-process-instance-details [processInstanceId]="instance()" (taskClick)="open($event)" />
    <h3>Files</h3>
    <adf-process-attachment-list [processInstanceId]="instance()" />
  `,
})
export class Instance {
  private readonly router = inject(Router);
  readonly app = input.required({ transform: numberAttribute });
  readonly instance = input.required<string>();

  open(event: TaskDetailsEvent) {
    this.router.navigate(['apps', this.app(), 'tasks', event.value.id]);
  }
}
