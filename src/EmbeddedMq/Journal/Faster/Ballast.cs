namespace EmbeddedMq.Journal.Faster;

/// <summary>A file that is there only to be deleted when the disk is full, so that settles, checkpoints and releases can go on.</summary>
/// <remarks>For the journal's thread. Its failures matter to nobody: without it a full disk fails the store a little sooner.</remarks>
/// <param name="options">The options.</param>
/// <param name="files">The file system.</param>
internal sealed class Ballast(JournalOptions options, IJournalFiles files)
{
    private readonly string _path = Path.Combine(options.Directory, StoreOpening.BallastName);
    private bool _isThere;

    /// <summary>What making it anew would take from the disk.</summary>
    public long MissingBytes => _isThere ? 0 : options.BallastBytes;

    /// <summary>Makes it, if it is not there or of another size.</summary>
    /// <returns>Whether it is there, or not wanted.</returns>
    public bool Ensure()
    {
        if (_isThere || options.BallastBytes == 0)
        {
            return true;
        }

        try
        {
            if (files.Exists(_path))
            {
                using IJournalFile existing = files.OpenRead(_path);
                if (existing.Length == options.BallastBytes)
                {
                    return _isThere = true;
                }
            }

            files.Delete(_path);
            using IJournalFile file = files.Open(_path, create: true);
            file.Allocate(options.BallastBytes);
            return _isThere = true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Drop();
            return false;
        }
    }

    /// <summary>Gives its room back.</summary>
    /// <returns>Whether there was any.</returns>
    public bool Drop()
    {
        bool wasThere = files.Exists(_path); // also before Ensure: a store may be opened on a full disk
        _isThere = false;
        try
        {
            files.Delete(_path);
            return wasThere;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
