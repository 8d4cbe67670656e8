using EmbeddedMq.LoadTests.Measuring;
using EmbeddedMq.TestSupport.Servers;

namespace EmbeddedMq.LoadTests.Peers;

/// <summary>The same scenarios on EmbeddedMq and on what one would use in its place: each peer in the same run, in turn within each repetition.</summary>
internal static class PeersSuite
{
    internal static async Task RunAsync(Arguments arguments, Report report)
    {
        Targets targets = new();
        BarChart chart = new("Messages a second, on a logarithmic scale; median, and the range of all repetitions");
        await using Disposables disposables = new();
        ScenarioContext context = new(arguments, report, targets, chart, null, RabbitServer.Absence ?? "not part of this run");
        if (RabbitServer.Absence is null && context.Wants("S1", "S1a", "S2", "S3", "S4", "S5", "S6", "S7"))
        {
            try
            {
                context = context with { Rabbit = disposables.Add(await RabbitServer.StartAsync(isForSpeed: true)), RabbitAbsence = null };
            }
            catch (InvalidOperationException error)
            {
                context = context with { RabbitAbsence = error.Message.Trim() }; // the others are measured all the same
            }
        }

        await BacklogScenario.RunAsync(context); // first: later the process has memory that it may use again, and needs no more of it
        await InMemoryScenarios.RunAsync(context);
        await DurableScenarios.RunAsync(context);
        await TypedScenarios.RunAsync(context);
        await ScaleScenario.RunAsync(context);
        await RecoveryScenario.RunAsync(context);
        report.AddSection(targets.ToMarkdown());
        report.AddSection(PeerVersions.Describe());
        if (arguments.PlotFile is { } file)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            await File.WriteAllTextAsync(file, chart.ToSvg());
        }
    }
}
