using System.Runtime.InteropServices;

namespace EmbeddedMq.Storage.Recovery;

/// <summary>A message of a queue that the journal still has. 16 bytes: there may be millions.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RecoveredEntry
{
    /// <summary>Its id.</summary>
    internal ulong Id;

    /// <summary>Bytes of its body.</summary>
    internal int BodyBytes;

    /// <summary>Its priority, 0 for none.</summary>
    internal byte Priority;

    /// <summary>Whether it has been settled.</summary>
    internal bool IsSettled;
}
