       01  REC.
           05  A-TEXT        PIC X(5).
           05  B-ZON         PIC S9(5)V99.
           05  C-LEAD        PIC S9(3) SIGN LEADING.
           05  D-SEPT        PIC S9(3) SIGN TRAILING SEPARATE.
           05  E-SEPL        PIC S9(3)V9 SIGN LEADING SEPARATE.
           05  F-PACK        PIC S9(5)V99 COMP-3.
           05  G-PACKE       PIC S9(4) COMP-3.
           05  H-UPACK       PIC 9(5) COMP-3.
           05  I-BIN         PIC S9(4) COMP.
           05  J-BIN         PIC S9(9) COMP.
           05  K-BIN         PIC S9(7)V99 BINARY.
           05  L-BIN8        PIC S9(15) COMP.
           05  M-NAT         PIC S9(9) COMP-5.
           05  N-SINGLE      COMP-1.
           05  O-DOUBLE      COMP-2.
           05  P-SCALE       PIC 9(3)PP.
           05  Q-SCALE       PIC VPP99.
           05  X1            PIC X.
           05  R-SYNC2       PIC S9(4) COMP SYNC.
           05  X2            PIC X.
           05  S-SYNC4       PIC S9(9) COMP SYNC.
           05  X3            PIC X.
           05  T-GRP.
               10  T-SYNC    PIC S9(9) COMP SYNC.
               10  T-X       PIC X.
           05  U-TAB OCCURS 3.
               10  U-X       PIC X.
               10  U-N       PIC S9(4) COMP-3.
           05  V-JUST        PIC X(5) JUSTIFIED RIGHT.
           05  W-NUM         PIC 9(3).
           05  Y-COMP6       PIC 9(4) COMP-6.
           05  Z-LAST        PIC X.
