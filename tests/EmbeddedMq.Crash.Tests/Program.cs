using EmbeddedMq.Crash.Tests;
using EmbeddedMq.Crash.Tests.Campaign;
using Xunit.MicrosoftTestingPlatform;
using Xunit.Runner.InProc.SystemConsole;

return args switch
{
    [Victim.Argument, ..] => await Victim.RunAsync(args[1..]),
    [CampaignVictim.Argument, ..] => await CampaignVictim.RunAsync(args[1..]),
    _ when args.Any(arg => arg is "--server" or "--internal-msbuild-node")
        => await TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions),
    _ => await ConsoleRunner.Run(args),
};
