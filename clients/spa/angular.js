// An Angular application without a component: the service that ADF signs in by.
import '@angular/compiler'; // the packages are published half compiled
import { provideHttpClient } from '@angular/common/http';
import { provideZonelessChangeDetection } from '@angular/core';
import { createApplication } from '@angular/platform-browser';
import { OAuthService, provideOAuthClient } from 'angular-oauth2-oidc';

window.ready = (async () => {
  const application = await createApplication({ providers: [provideZonelessChangeDetection(), provideHttpClient(), provideOAuthClient()] });
  window.oauth = application.injector.get(OAuthService);
  window.events = [];
  window.oauth.events.subscribe((e) => window.events.push(e.type));
  window.oauth.configure({ ...JSON.parse(document.getElementById('config').textContent), redirectUri: location.origin + '/' });
  await window.oauth.loadDiscoveryDocumentAndTryLogin();
})();
