// Builds the application as `ng build` does. The command-line tool itself, with its
// two hundred packages, is not needed for that.
import { Architect } from '@angular-devkit/architect';
import { WorkspaceNodeModulesArchitectHost } from '@angular-devkit/architect/node/index.js';
import { createConsoleLogger } from '@angular-devkit/core/node/index.js';
import { schema, workspaces } from '@angular-devkit/core';
import { NodeJsSyncHost } from '@angular-devkit/core/node/index.js';

const root = import.meta.dirname;
const { workspace } = await workspaces.readWorkspace(root, workspaces.createWorkspaceHost(new NodeJsSyncHost()));
const registry = new schema.CoreSchemaRegistry();
registry.addPostTransform(schema.transforms.addUndefinedDefaults);
const architect = new Architect(new WorkspaceNodeModulesArchitectHost(workspace, root), registry);
const run = await architect.scheduleTarget({ project: 'adf', target: 'build' }, {}, { logger: createConsoleLogger() });
const { success, error } = await run.result;
await run.stop();
if (!success) throw new Error(error || 'the application was not built');
