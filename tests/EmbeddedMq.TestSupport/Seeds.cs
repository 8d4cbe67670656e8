using System.Globalization;

namespace EmbeddedMq.TestSupport;

/// <summary>Where randomised tests take their seeds and their sizes from.</summary>
/// <remarks>Runs repeat: without environment variables each test uses the seed written in it. <c>EMBEDDEDMQ_SEED</c> replaces all of
/// them, for repeating a failure or for looking elsewhere; <c>EMBEDDEDMQ_SCRIPTS</c>, <c>EMBEDDEDMQ_SCHEDULES</c>,
/// <c>EMBEDDEDMQ_KILLS</c> and <c>EMBEDDEDMQ_STRESS_SECONDS</c> make the tests longer.</remarks>
public static class Seeds
{
    /// <summary>The seed to use.</summary>
    /// <param name="usual">The seed of an ordinary run.</param>
    public static int Pick(int usual) => FromEnvironment("EMBEDDEDMQ_SEED", usual);

    /// <summary>How many scripts to run.</summary>
    /// <param name="usual">The number of an ordinary run.</param>
    public static int ScriptCount(int usual) => FromEnvironment("EMBEDDEDMQ_SCRIPTS", usual);

    /// <summary>How many schedules to explore of each scenario.</summary>
    /// <param name="usual">The number of an ordinary run.</param>
    public static int ScheduleCount(int usual) => FromEnvironment("EMBEDDEDMQ_SCHEDULES", usual);

    /// <summary>How many processes to kill.</summary>
    /// <param name="usual">The number of an ordinary run.</param>
    public static int KillCount(int usual) => FromEnvironment("EMBEDDEDMQ_KILLS", usual);

    /// <summary>How long a stress test works, in real time.</summary>
    /// <param name="usualSeconds">The seconds of an ordinary run.</param>
    public static TimeSpan StressDuration(int usualSeconds) => TimeSpan.FromSeconds(FromEnvironment("EMBEDDEDMQ_STRESS_SECONDS", usualSeconds));

    /// <summary>A generator for one part of a test, for example one of several tasks: equal inputs give equal numbers.</summary>
    /// <param name="seed">The test's seed.</param>
    /// <param name="part">The part's number.</param>
    public static Random Generator(int seed, int part = 0) => new(unchecked((seed * 486_187_739) + part));

    private static int FromEnvironment(string variable, int usual)
        => int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.Integer, CultureInfo.InvariantCulture, out int value) ? value : usual;
}
