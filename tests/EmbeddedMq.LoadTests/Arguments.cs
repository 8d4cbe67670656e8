using System.Globalization;

namespace EmbeddedMq.LoadTests;

/// <summary>What the command line asks for.</summary>
internal sealed class Arguments
{
    internal const string Usage =
        """
        EmbeddedMq.LoadTests storage|memory|stores|peers [options]

          --seconds N      how long each measurement runs in each repetition; default 1, quick 0.3
          --repetitions N  default 5, quick 3
          --quick          a short run, to see that everything works
          --backlog N      messages in the backlog; default 1000000, quick 100000, 0 for none
          --body N         bytes of each of them, with storage; default 1024
          --only TEXT      only measurements whose names contain the text, and none of the ratios to others
          --directory D    where the files are written: on the disk to be measured; default a new folder in the user's home
          --out FOLDER     gets the table, too, in a file of the suite's name, and the plot of peers
        """;

    /// <summary>What is measured: <c>storage</c>, <c>memory</c>, <c>stores</c> or <c>peers</c>.</summary>
    internal string Suite { get; private set; } = "";

    internal TimeSpan Duration { get; private set; } = TimeSpan.FromSeconds(1);

    internal int Repetitions { get; private set; } = 5;

    internal int BacklogCount { get; private set; } = 1_000_000;

    internal int BacklogBodyBytes { get; private set; } = 1_024;

    internal bool IsQuick { get; private set; }

    internal string? Only { get; private set; }

    /// <summary>A folder of this run alone: it is deleted at the end. The system's temporary folder is often memory, the user's home hardly ever.</summary>
    internal string Directory { get; private set; } = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), RunFolder);

    internal string? OutputFile { get; private set; }

    /// <summary>Where plots are written; <see langword="null"/>: nowhere.</summary>
    internal string? PlotFile => Suite == "peers" ? Path.ChangeExtension(OutputFile, ".svg") : null;

    private static string RunFolder => $".embeddedmq-load-{Environment.ProcessId}";

    internal static Arguments? TryParse(string[] args)
    {
        if (args.Length == 0 || args[0] is not ("storage" or "memory" or "stores" or "peers"))
        {
            return null;
        }

        Arguments result = new() { Suite = args[0] };
        if (args.Contains("--quick"))
        {
            result.IsQuick = true;
            result.Duration = TimeSpan.FromSeconds(0.3);
            result.Repetitions = 3;
            result.BacklogCount = 100_000;
        }

        for (int i = 1; i < args.Length; i++)
        {
            if (args[i] == "--quick")
            {
                continue;
            }

            if (i + 1 == args.Length || !result.TrySet(args[i], args[++i]))
            {
                return null;
            }
        }

        return result;
    }

    private bool TrySet(string option, string value)
    {
        switch (option)
        {
            case "--seconds" when double.TryParse(value, CultureInfo.InvariantCulture, out double seconds) && seconds > 0:
                Duration = TimeSpan.FromSeconds(seconds);
                return true;
            case "--repetitions" when int.TryParse(value, CultureInfo.InvariantCulture, out int repetitions) && repetitions > 0:
                Repetitions = repetitions;
                return true;
            case "--backlog" when int.TryParse(value, CultureInfo.InvariantCulture, out int count) && count >= 0:
                BacklogCount = count;
                return true;
            case "--body" when int.TryParse(value, CultureInfo.InvariantCulture, out int bytes) && bytes > 0:
                BacklogBodyBytes = bytes;
                return true;
            case "--only":
                Only = value;
                return true;
            case "--directory":
                Directory = Path.Combine(Path.GetFullPath(value), RunFolder);
                return true;
            case "--out":
                OutputFile = Path.Combine(Path.GetFullPath(value), Suite + ".md");
                return true;
            default:
                return false;
        }
    }
}
