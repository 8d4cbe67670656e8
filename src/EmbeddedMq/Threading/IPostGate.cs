namespace EmbeddedMq.Threading;

/// <summary>What keeps those who post into a mailbox apart.</summary>
internal interface IPostGate
{
    /// <summary>Enters it and leaves it at once, which is a full fence: what was posted before can be seen after that, and whoever posts later sees what the
    /// caller wrote before.</summary>
    /// <returns><see langword="false"/> when somebody is in it: nothing has been done.</returns>
    bool TryPass();
}
