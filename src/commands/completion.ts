import { Args } from '@oclif/core';
import { WsvcCommand } from '../cli/base-command.ts';
import { SHELLS, type Shell, writeCompletion } from '../cli/completion.ts';

export default class Completion extends WsvcCommand {
  static override summary = 'Print a completion script for a shell.';
  static override examples = [
    { description: 'Bash: in ~/.bashrc', command: 'source <(<%= config.bin %> completion bash)' },
    { description: 'Zsh: in ~/.zshrc', command: 'source <(<%= config.bin %> completion zsh)' },
    { description: 'Fish', command: '<%= config.bin %> completion fish > ~/.config/fish/completions/wsvc.fish' },
  ];
  static override args = {
    shell: Args.string({ required: true, options: [...SHELLS], description: 'bash, zsh or fish.' }),
  };

  async run(): Promise<{ script: string }> {
    const { args } = await this.parse(Completion);
    const shell: Shell = SHELLS.find((name) => name === args.shell) ?? 'bash';
    const commands = this.config.commands.map(({ id, summary, flags }) => ({
      id,
      summary: summary ?? '',
      flags: Object.keys(flags),
    }));
    const script = writeCompletion(shell, commands);
    this.print(script);
    return { script };
  }
}
