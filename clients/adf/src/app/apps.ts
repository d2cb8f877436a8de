import { Component, inject } from '@angular/core';
import { Router } from '@angular/router';
import { AppDefinitionRepresentation } from '@alfresco/js-api';
import { AppsListComponent } from '@alfresco/adf-process-services';

@Component({
  imports: [AppsListComponent],
  template: `<adf-apps (appClick)="open($event)" />`,
})
export class Apps {
  private readonly router = inject(Router);

  // What a person deployed has an id; ADF's own "Task App" stands for all tasks.
  open(app: AppDefinitionRepresentation) {
    this.router.navigate(['apps', app.id ?? 0, 'tasks']);
  }
}
