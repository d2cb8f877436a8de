import { Component, inject, input, numberAttribute } from '@angular/core';
import { Router } from '@angular/router';
import { ProcessInstanceRepresentation } from '@alfresco/js-api';
import { StartProcessInstanceComponent } from '@alfresco/adf-process-services';

@Component({
  imports: [StartProcessInstanceComponent],
  template: `
    <adf-start-process [appId]="app()" [showSelectApplicationDropdown]="false" (start)="show($event)" (cancel)="back()" />
  `,
})
export class Start {
  private readonly router = inject(Router);
  readonly app = input.required({ transform: numberAttribute });

  show(instance: ProcessInstanceRepresentation) {
    this.router.navigate(['apps', this.app(), 'instances', instance.id]);
  }

  back() {
    this.router.navigate(['apps', this.app(), 'tasks']);
  }
}
