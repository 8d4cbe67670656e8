namespace EmbeddedMq.TestSupport.Journal;

/// <summary>A directory of the real file system that is gone after the test.</summary>
public sealed class ScratchDirectory : IDisposable
{
    /// <summary>Makes it.</summary>
    public ScratchDirectory() => Path = Directory.CreateTempSubdirectory("embeddedmq-journal-").FullName;

    /// <summary>Its path.</summary>
    public string Path { get; }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(Path, recursive: true);
}
