import { inject, provideAppInitializer } from '@angular/core';
import { bootstrapApplication } from '@angular/platform-browser';
import { provideNoopAnimations } from '@angular/platform-browser/animations';
import { provideRouter, withComponentInputBinding } from '@angular/router';
import { FormRenderingService, LocalizedDatePipe, provideAppConfig, provideCoreAuth, provideI18N } from '@alfresco/adf-core';
import { AlfrescoApiLoaderService, AlfrescoApiNoAuthService, AlfrescoApiService } from '@alfresco/adf-content-services';
import { ProcessFormRenderingService } from '@alfresco/adf-process-services';
import { App } from './app/app';
import { routes } from './app/routes';

// As ADF's own documents set an application up: configuration from app.config.json,
// sign-in by angular-oauth2-oidc, js-api through Angular's HttpClient.
bootstrapApplication(App, {
  providers: [
    provideAppConfig(),
    provideCoreAuth({ useHash: false }),
    provideRouter(routes, withComponentInputBinding()),
    provideNoopAnimations(),
    provideI18N({ assets: ['core', 'content-services', 'process-services'].map((name) => [`adf-${name}`, `assets/adf-${name}`]) }),
    // What ContentModule.forRoot() does, but for asking a repository for its version.
    { provide: AlfrescoApiService, useClass: AlfrescoApiNoAuthService },
    provideAppInitializer(() => inject(AlfrescoApiLoaderService).init()),
    LocalizedDatePipe, // adf-start-process asks for it and does not provide it
    { provide: FormRenderingService, useClass: ProcessFormRenderingService },
  ],
}).catch((error) => console.error(error));
