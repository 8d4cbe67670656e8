using System.Diagnostics;
using System.Globalization;
using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Journal;

namespace EmbeddedMq.Crash.Tests;

/// <summary>A process that appends to a store and says what was confirmed, until somebody kills it.</summary>
internal static class Victim
{
    public const string Argument = "victim";

    /// <summary>Starts the process.</summary>
    public static Process Start(string store, Durability durability)
    {
        ProcessStartInfo start = new(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(typeof(Victim).Assembly.Location);
        }

        start.ArgumentList.Add(Argument);
        start.ArgumentList.Add(store);
        start.ArgumentList.Add(durability.ToString());
        return Process.Start(start)!;
    }

    /// <summary>What the process does.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        Orphans.DieWithParent();
        Durability durability = Enum.Parse<Durability>(args[1]);
        FasterJournal journal = await SmallStore.OpenAsync(OsFiles.Instance, args[0]);
        List<long> found = SmallStore.Numbers(journal.Hot);
        long number = found.Count == 0 ? 0 : found[^1];
        Random random = new((int)number + 1);
        for (int commit = 1; ; commit++)
        {
            for (int i = random.Next(1, 40); i > 0; i--)
            {
                SmallStore.Append(journal.Hot, ++number, 8 + random.Next(600));
            }

            await journal.Hot.FlushAsync(durability);
            Console.WriteLine(number.ToString(CultureInfo.InvariantCulture));
            if (commit % 50 == 0)
            {
                long begin = journal.Hot.TailAddress - (256 << 10);
                await journal.SaveCheckpointAsync(new CheckpointPoint(1, begin, default));
                journal.Hot.ReleaseBefore(begin);
            }
        }
    }
}
