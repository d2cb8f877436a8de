import { Routes } from '@angular/router';
import { AuthGuard } from '@alfresco/adf-core';
import { Apps } from './apps';
import { Instance, Instances } from './instances';
import { Start } from './start';
import { Task, Tasks } from './tasks';

export const routes: Routes = [
  {
    path: '',
    canActivateChild: [AuthGuard],
    children: [
      { path: '', pathMatch: 'full', component: Apps },
      { path: 'apps/:app/start', component: Start },
      { path: 'apps/:app/tasks', component: Tasks },
      { path: 'apps/:app/tasks/:task', component: Task },
      { path: 'apps/:app/instances', component: Instances },
      { path: 'apps/:app/instances/:instance', component: Instance },
    ],
  },
];
