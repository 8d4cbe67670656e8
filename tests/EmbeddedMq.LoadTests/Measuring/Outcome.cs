namespace EmbeddedMq.LoadTests.Measuring;

/// <summary>What one repetition came to.</summary>
/// <param name="Messages">How many messages went through.</param>
/// <param name="Elapsed">How long that took.</param>
internal readonly record struct Outcome(long Messages, TimeSpan Elapsed)
{
    internal double PerSecond => Messages / Elapsed.TotalSeconds;
}
