using System.Globalization;
using EmbeddedMq.Connections;

namespace EmbeddedMq.Hosting;

/// <summary>Finds what is wrong with options, all of it at once.</summary>
internal static class BrokerOptionsCheck
{
    /// <summary>Finds every fault.</summary>
    /// <param name="options">The options.</param>
    /// <returns>One sentence a fault; empty when the options are valid.</returns>
    internal static IReadOnlyList<string> FindFaults(BrokerOptions options)
    {
        List<string> faults = [];
        if (string.IsNullOrWhiteSpace(options.Name))
        {
            faults.Add("Name is empty; give the broker a name.");
        }

        if (options.MemoryHighWatermarkBytes is <= 0)
        {
            faults.Add($"MemoryHighWatermarkBytes is {options.MemoryHighWatermarkBytes}; give more than 0, or null for 40 % of the memory.");
        }

        if (options.BacklogMemoryBytes <= 0)
        {
            faults.Add($"BacklogMemoryBytes is {options.BacklogMemoryBytes}; give more than 0, or leave it at its default of 256 MiB.");
        }

        if (options.TimeProvider is null)
        {
            faults.Add("TimeProvider is null; leave it at TimeProvider.System.");
        }

        FindStorageFaults(options.Storage, faults);
        if (options.Limits is not { } limits)
        {
            faults.Add("Limits is null; leave it at its default.");
            return faults;
        }

        Check(nameof(limits.MaxMessageBytes), limits.MaxMessageBytes, 1, 2_147_483_591);
        Check(nameof(limits.MaxHeaderBytes), limits.MaxHeaderBytes, 1, options.Storage?.Directory is null ? 1024 * 1024 * 1024 : BrokerLimits.MostStoredHeaderBytes);
        Check(nameof(limits.MaxNameBytes), limits.MaxNameBytes, 1, 255);
        Check(nameof(limits.MaxConnections), limits.MaxConnections ?? 1, 1, int.MaxValue);
        Check(nameof(limits.MaxChannelsPerConnection), limits.MaxChannelsPerConnection, 1, 65_535);
        Check(nameof(limits.MaxConsumersPerChannel), limits.MaxConsumersPerChannel ?? 1, 1, int.MaxValue);
        Check(nameof(limits.MaxQueuesPerVirtualHost), limits.MaxQueuesPerVirtualHost ?? 1, 1, int.MaxValue);
        if (limits.AcknowledgementTimeout < AcknowledgementWatch.LeastTimeout || limits.AcknowledgementTimeout > AcknowledgementWatch.MostTimeout)
        {
            faults.Add($"Limits.AcknowledgementTimeout is {limits.AcknowledgementTimeout}; allowed is {AcknowledgementWatch.LeastTimeout} to {AcknowledgementWatch.MostTimeout}, or null for no limit.");
        }

        return faults;

        void Check(string name, int value, int least, int most)
        {
            if (value < least || value > most)
            {
                faults.Add(string.Create(CultureInfo.InvariantCulture, $"Limits.{name} is {value}; allowed is {least:N0} to {most:N0}."));
            }
        }
    }

    private static void FindStorageFaults(StorageOptions? storage, List<string> faults)
    {
        if (storage is null)
        {
            faults.Add("Storage is null; leave it at its default.");
            return;
        }

        if (storage.Directory is { } directory && string.IsNullOrWhiteSpace(directory))
        {
            faults.Add("Storage.Directory is empty; give a directory, or null to keep everything in memory.");
        }

        if (!Enum.IsDefined(storage.Durability))
        {
            faults.Add($"Storage.Durability is {storage.Durability}; give Memory, OsBuffered or Synced.");
        }

        if (storage.IdempotenceRetention <= TimeSpan.Zero)
        {
            faults.Add($"Storage.IdempotenceRetention is {storage.IdempotenceRetention}; give more than zero.");
        }

        if (storage.IdempotenceEntries is < 1 or > 1_000_000_000)
        {
            faults.Add(string.Create(CultureInfo.InvariantCulture, $"Storage.IdempotenceEntries is {storage.IdempotenceEntries}; allowed is 1 to 1,000,000,000."));
        }

        if (storage.JournalBytes is < 1 << 20 or > 1L << 40)
        {
            faults.Add(string.Create(CultureInfo.InvariantCulture, $"Storage.JournalBytes is {storage.JournalBytes}; allowed is 1,048,576 to 1,099,511,627,776."));
        }

        Check(nameof(storage.FreeSpaceWatermarkBytes), storage.FreeSpaceWatermarkBytes, 0);
        Check(nameof(storage.ReserveBytes), storage.ReserveBytes, 0);

        void Check(string name, long value, long least)
        {
            if (value < least)
            {
                faults.Add(string.Create(CultureInfo.InvariantCulture, $"Storage.{name} is {value}; allowed is {least:N0} or more."));
            }
        }
    }
}
