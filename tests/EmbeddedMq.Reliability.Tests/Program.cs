using EmbeddedMq.Reliability.Tests;
using EmbeddedMq.Reliability.Tests.Matrix;
using Xunit.MicrosoftTestingPlatform;
using Xunit.Runner.InProc.SystemConsole;

return args switch
{
    [Victim.Argument, ..] => await Victim.RunAsync(args[1..]),
    _ when args.Any(arg => arg is "--server" or "--internal-msbuild-node")
        => await TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions),
    _ => await ConsoleRunner.Run(args),
};
