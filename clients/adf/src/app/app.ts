import { Component, inject } from '@angular/core';
import { MatButtonModule } from '@angular/material/button';
import { MatToolbarModule } from '@angular/material/toolbar';
import { RouterLink, RouterOutlet } from '@angular/router';
import { AuthenticationService, TranslationService } from '@alfresco/adf-core';

// The frame around every page: who is signed in, and the way out.
@Component({
  selector: 'app-root',
  imports: [MatButtonModule, MatToolbarModule, RouterLink, RouterOutlet],
  template: `
    <mat-toolbar>
      <a mat-button routerLink="/">Apps</a>
      <span style="flex: 1"></span>
      <span id="who">{{ auth.getUsername() }}</span>
      <button mat-button id="sign-out" (click)="auth.logout()">Sign out</button>
    </mat-toolbar>
    <main><router-outlet /></main>
  `,
})
export class App {
  readonly auth = inject(AuthenticationService);

  constructor() {
    inject(TranslationService); // it fetches ADF's texts
  }
}
