using EmbeddedMq.LoadTests.Measuring;
using EmbeddedMq.TestSupport.Servers;

namespace EmbeddedMq.LoadTests.Peers;

/// <summary>What every scenario is given.</summary>
/// <param name="Arguments">What is asked for.</param>
/// <param name="Report">The table.</param>
/// <param name="Targets">What is to be reached.</param>
/// <param name="Chart">The plot.</param>
/// <param name="Rabbit">The RabbitMQ server; <see langword="null"/>: there is none.</param>
/// <param name="RabbitAbsence">Why there is none.</param>
internal sealed record ScenarioContext(Arguments Arguments, Report Report, Targets Targets, BarChart Chart, RabbitServer? Rabbit, string? RabbitAbsence)
{
    /// <summary>Whether a scenario is part of this run.</summary>
    /// <param name="scenarios">Names, as measurements begin with them.</param>
    internal bool Wants(params string[] scenarios)
        => Arguments.Only is not { } only || scenarios.Any(scenario => scenario.Contains(only, StringComparison.OrdinalIgnoreCase)
            || only.StartsWith(scenario + " ", StringComparison.OrdinalIgnoreCase));

    /// <summary>A measurement of as many messages as fill the time.</summary>
    /// <param name="name">Its name: scenario, middle dot, peer.</param>
    /// <param name="run">Sends so many messages, and waits until all have arrived.</param>
    internal Measurement Sized(string name, Func<long, LatencyHistogram, Task<Outcome>> run)
    {
        SizedRun sized = new(Arguments.Duration, run);
        return new Measurement(name, sized.RunAsync);
    }

    /// <summary>Says why something was not measured.</summary>
    internal void Skip(string name, string reason) => Report.Add(name, $"skipped: {reason}");
}
