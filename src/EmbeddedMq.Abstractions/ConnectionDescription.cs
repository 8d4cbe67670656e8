namespace EmbeddedMq;

/// <summary>A connection as a listing shows it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="VirtualHost">Its virtual host.</param>
/// <param name="UserName">Its user.</param>
/// <param name="ChannelCount">Its open channels.</param>
/// <param name="BlockedReason">Why its publishers wait, or <see langword="null"/>.</param>
public sealed record ConnectionDescription(string Name, string VirtualHost, string UserName, int ChannelCount, string? BlockedReason);
