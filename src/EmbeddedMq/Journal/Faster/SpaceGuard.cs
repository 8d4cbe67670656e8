using EmbeddedMq.Errors;

namespace EmbeddedMq.Journal.Faster;

/// <summary>Watches the free space of the disk, so that a store stops taking messages before a write fails.</summary>
/// <remarks>For the journal's thread, but for the clock's calls.</remarks>
/// <param name="options">The options.</param>
/// <param name="files">The file system.</param>
/// <param name="time">The clock.</param>
internal sealed class SpaceGuard(JournalOptions options, IJournalFiles files, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(2);

    private readonly Ballast _ballast = new(options, files);
    private ITimer? _timer;

    /// <summary>The state that the store is in.</summary>
    public required Func<JournalState> StateOfStore { get; init; }

    /// <summary>Changes it.</summary>
    public required Action<JournalState, JournalException?> SetState { get; init; }

    /// <summary>Called by the clock: has <see cref="Check"/> called on the journal's thread.</summary>
    public required Action CheckLater { get; init; }

    /// <summary>Deletes the files that are kept to be written again, and tells whether there were any.</summary>
    public required Func<bool> DropSpares { get; init; }

    /// <summary>Whether the manifest has little room left for more segments; then publishers wait as on a full disk, and what they leave is for the others.</summary>
    public required Func<bool> IsManifestFull { get; init; }

    /// <summary>Looks at the disk, and makes the ballast if there is room for it.</summary>
    public void Check()
    {
        JournalState state = StateOfStore();
        if (state is JournalState.Failed or JournalState.Closed)
        {
            return;
        }

        long free = FreeBytes();
        if (free - _ballast.MissingBytes < options.FreeSpaceWatermarkBytes && DropSpares())
        {
            free = FreeBytes();
        }

        if (IsManifestFull())
        {
            ReportLow(MqErrors.ManifestFull(options.Directory));
        }
        else if (free - _ballast.MissingBytes >= options.FreeSpaceWatermarkBytes && _ballast.Ensure())
        {
            SetState(JournalState.Open, null);
            Stop();
        }
        else if (state == JournalState.LowSpace || free < options.FreeSpaceWatermarkBytes || _ballast.MissingBytes > 0)
        {
            ReportLow(SpaceLow(free));
        }
    }

    /// <summary>Makes room on a full disk: first of what is kept for speed only, then of the ballast.</summary>
    /// <returns>Whether there is more now.</returns>
    public bool MakeRoom()
    {
        if (DropSpares())
        {
            return true;
        }

        bool freed = _ballast.Drop();
        if (freed)
        {
            ReportLow(SpaceLow(FreeBytes()));
        }

        return freed;
    }

    /// <summary>Stops watching.</summary>
    public void Dispose() => Stop();

    private JournalException SpaceLow(long free) => MqErrors.SpaceLow(options.Directory, free, options.FreeSpaceWatermarkBytes);

    private void ReportLow(JournalException reason)
    {
        SetState(JournalState.LowSpace, reason);

        // Nobody publishes now, so nothing else would make us look again.
        _timer ??= time.CreateTimer(static state => ((SpaceGuard)state!).CheckLater(), this, CheckInterval, CheckInterval);
    }

    private void Stop()
    {
        _timer?.Dispose();
        _timer = null;
    }

    private long FreeBytes()
    {
        try
        {
            return files.GetFreeBytes(options.Directory);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return long.MaxValue; // not known is not low: a full disk will say so itself
        }
    }
}
