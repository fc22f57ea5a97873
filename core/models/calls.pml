/*
 * Call slots and lanes (core.md 2.8, D9, D27, D28 with D50 to D53): each call is executed at most once and ends in every
 * case, whoever dies; no slot and no lane is lost.
 *
 * CONTRACT
 *   st, tg, sq   the word of a slot: state, tag of the server, sequence. Changed only by CAS of the whole word, but for the
 *                post, which is from FREE by the owner of the lane.
 *   lown         the owner of a lane: by CAS from 0 or from a DEAD tag. Who takes it scrubs every slot first.
 *   alloc        the lane has memory: reserved by its owner, given back by who releases it with all slots FREE.
 *   req0, req1, rsp   the payload, in two pieces where tearing could show.
 *   lk, gen      the kernel's byte lock of an index, and how often the index was attached or cleaned.
 *   gid, pend, execd, notex   the oracle: which call is in a slot, which one its caller waits for, how often each was
 *                executed, and of which one its caller was told that it was not.
 *   Owner or server dead at any step: the next owner, the caller, the next server, or whoever cleans the index moves
 *   the slot on by verdict.
 *
 * MEMORY   sequentially consistent: every move is a seq_cst swap in the product, and TSan shows the plain orders.
 *
 * PROCESSES  two callers: A (index 0, mortal), B (late: index 1, or one of the dead). Two servers: 1 (index 2, mortal), 2 (late:
 *            index 3, or one of the dead). A janitor, which may die or stop. A killer.
 *
 * SCENARIOS
 *   -DNC=n      calls of each caller           -DL= -DS=   lanes, slots of each
 *   -DTO        a caller may give up, or cancel, at any time
 *   -DNOS2      no second server: a call that nobody took is withdrawn where nobody lives to take it (fail_fast)
 *   -DNO_JAN -DNO_KA -DNO_KS   no janitor; A, server 1 do not die
 *   -DREUSE_B=2 -DREUSE_S=0    B attaches the index of a dead server, server 2 that of a dead caller
 * MUTANTS  NO_GEN TAKE_NO_CAS DONE_NO_CHECK TIMEOUT_FREES_TAKEN DEAD_MEANS_NOT_EXECUTED SCRUB_FREES_TAKEN
 *          SCRUB_LEAVES_TAKEN CLAIM_NO_SCRUB PUNCH_EARLY REAP_DONE_ONLY INDEX_LOCK_ONLY JANITOR_NO_GEN CLEAN_NO_CLAIM
 */

#ifndef L
#define L 1
#endif
#ifndef S
#define S 1
#endif
#ifndef NC
#define NC 2
#endif
#define N (L*S)
#define FREE 0
#define POSTED 1
#define TAKEN 2
#define DONE 3
#define ABAND 4
#define ORPHAN 5
#define LN(k) ((k)/S)
#define CLR d_step{ ws=0; wt=0; wq=0; vd=0; ok=0 }
#define TAG(i) ((i)+1+8*gen[i])
#define IDX(t) (((t)&7)-1)
#ifdef NO_GEN
#define DEAD(t) (!lk[IDX(t)])
#else
#define DEAD(t) (!lk[IDX(t)] || gen[IDX(t)]!=((t)>>3))
#endif
/* which dead process's index B and S2 may reuse */
#ifndef REUSE_B
#define REUSE_B 0
#endif
#ifndef REUSE_S
#define REUSE_S 2
#endif
byte st[N], tg[N], sq[N], req0[N], req1[N], rsp[N], gid[N], pend[N];
byte lown[L]; bit alloc[L];
bit lk[5]; byte gen[5];
byte execd[2*NC+1]; bit notex[2*NC+1];
bit finished, kA, kS, kJ, dA, dB, dJ, busy1, busy2, jlane, jstop; byte jheld=9;

inline cas(x,a,t,q,ns,nt){ d_step{ if :: st[x]==a && tg[x]==t && sq[x]==q -> st[x]=ns; tg[x]=nt; ok=1 :: else -> ok=0 fi } }
inline load(x){ d_step{ ws=st[x]; wt=tg[x]; wq=sq[x]; vd=(wt!=0 && DEAD(wt)) } }
/* withdrawal of a call that nobody took */
inline withdraw(x){ d_step{ if :: st[x]==POSTED && sq[x]==wq -> assert(execd[gid[x]]==0); notex[gid[x]]=1; st[x]=FREE; ok=1 :: else -> ok=0 fi } }

/* D50: by the holder of the lane only; all=1: every slot FREE */
inline scrub(l){ k=(l)*S; all=1;
  do :: k==(l)*S+S -> break
     :: else -> load(k);
        if :: ws==FREE -> pend[k]=0; k++
           :: ws==POSTED -> withdraw(k)
           :: ws==DONE || ws==ORPHAN -> cas(k,ws,wt,wq,FREE,0)
           :: ws==TAKEN && vd -> cas(k,TAKEN,wt,wq,FREE,0)
           :: ws==TAKEN && !vd ->
#ifdef SCRUB_FREES_TAKEN
              cas(k,TAKEN,wt,wq,FREE,0)
#elif defined(SCRUB_LEAVES_TAKEN)
              all=0; k++
#else
              cas(k,TAKEN,wt,wq,ABAND,wt)
#endif
           :: ws==ABAND && vd -> cas(k,ABAND,wt,wq,FREE,0)
           :: ws==ABAND && !vd -> all=0; k++
        fi
  od; k=0; CLR }
inline punch(l){
#ifdef PUNCH_EARLY
  all=1;
#endif
  if :: all -> d_step{ alloc[l]=0; k=(l)*S; do :: k==(l)*S+S -> break :: else -> req0[k]=0; req1[k]=0; rsp[k]=0; k++ od; k=0 }
     :: else fi }
/* D51: under the byte lock of index i, after the generation was raised; me: the tag that the index has now */
inline cleanup(i){ l=0;
  do :: l==L -> break
     :: else -> wo=lown[l];
        if :: wo!=0 && IDX(wo)==i && wo!=me ->
#ifdef CLEAN_NO_CLAIM
              scrub(l); d_step{ if :: lown[l]==wo -> lown[l]=0 :: else fi }
#else
              d_step{ if :: lown[l]==wo -> lown[l]=me; ok=1; if :: jheld==i -> jlane=1 :: else fi :: else -> ok=0 fi }
              if :: ok ->
                 scrub(l);
#ifdef INDEX_LOCK_ONLY
                 if :: all -> punch(l); lown[l]=0 :: else -> lown[l]=wo fi;
#else
                 punch(l); lown[l]=0;
#endif
                 if :: jheld==i -> jlane=0 :: else fi
                 :: else fi
#endif
           :: else fi; l++
  od; l=0; k=0;
  do :: k==N -> break
     :: else -> load(k);
        if :: (ws==TAKEN || ws==ABAND) && wt!=me && IDX(wt)==i -> if :: ws==TAKEN -> cas(k,TAKEN,wt,wq,ORPHAN,wt) :: else -> cas(k,ABAND,wt,wq,FREE,0) fi
           :: else fi; k++
  od; k=0; wo=0; all=0; CLR }
inline attach(old,fresh){
  if :: atomic{ !lk[old] -> lk[old]=1; ix=old } :: atomic{ !lk[fresh] -> lk[fresh]=1; ix=fresh } fi;
  d_step{ gen[ix]++; me=TAG(ix) }
  cleanup(ix) }
#ifdef NOS2
#define NOSERVER kS
#else
#define NOSERVER 0
#endif
inline collect(x){                                  /* DONE or ORPHAN seen */
  if :: ws==DONE -> assert(pend[x]!=0 && rsp[x]==pend[x] && execd[pend[x]]==1)
     :: else -> assert(execd[pend[x]]<=1)
#ifdef DEAD_MEANS_NOT_EXECUTED
        ; d_step{ assert(execd[pend[x]]==0); notex[pend[x]]=1 }
#endif
  fi; cas(x,ws,wt,wq,FREE,0); assert(ok); pend[x]=0 }
inline waitfor(x){
  do :: atomic{ st[x]==DONE || st[x]==ORPHAN -> load(x) } collect(x); break
     :: atomic{ st[x]==TAKEN && DEAD(tg[x]) -> load(x) } cas(x,TAKEN,wt,wq,FREE,0);
        if :: ok -> 
#ifdef DEAD_MEANS_NOT_EXECUTED
          d_step{ assert(execd[pend[x]]==0); notex[pend[x]]=1 }
#endif
          pend[x]=0; break :: else fi
     :: atomic{ NOSERVER && st[x]==POSTED -> wq=sq[x] } withdraw(x); if :: ok -> pend[x]=0; break :: else fi
#ifdef TO
     :: atomic{ st[x]==POSTED -> wq=sq[x] } withdraw(x); if :: ok -> pend[x]=0; break :: else fi
     :: atomic{ st[x]==TAKEN -> load(x) }
#ifdef TIMEOUT_FREES_TAKEN
        cas(x,TAKEN,wt,wq,FREE,0);
#else
        cas(x,TAKEN,wt,wq,ABAND,wt);
#endif
        if :: ok -> pend[x]=0; break :: else fi
#endif
  od; skip; CLR }
/* a slot that is FREE; D27 with D52: reap what is over */
inline pick(x){
  do :: st[x]==FREE -> break
     :: atomic{ st[x]==DONE || st[x]==ORPHAN -> load(x) } collect(x)
#ifndef REAP_DONE_ONLY
     :: atomic{ (st[x]==TAKEN || st[x]==ABAND) && DEAD(tg[x]) -> load(x) } cas(x,ws,wt,wq,FREE,0); if :: ok -> pend[x]=0 :: else fi
#endif
     :: atomic{ NOSERVER && st[x]==POSTED -> wq=sq[x] } withdraw(x); if :: ok -> pend[x]=0 :: else fi
  od; skip; CLR }
#ifdef INDEX_LOCK_ONLY
#define CLAIMABLE(l) (lown[l]==0)
#else
#define CLAIMABLE(l) (lown[l]==0 || DEAD(lown[l]))
#endif
inline clientbody(base){
  if :: atomic{ CLAIMABLE(0) -> lown[0]=me; l=0 }
#if L>1
     :: atomic{ CLAIMABLE(1) -> lown[1]=me; l=1 }
#endif
  fi; cl=l; d_step{ pend[cl*S]=0; pend[cl*S+S-1]=0 }
  alloc[cl]=1;
#if !defined(CLAIM_NO_SCRUB) && !defined(CLEAN_NO_CLAIM)
  scrub(cl);
#endif
  n=0;
  do :: n==NC -> break
     :: else ->
#if S>1
        if :: x=cl*S :: x=cl*S+1 fi;
#else
        x=cl*S;
#endif
        pick(x);
        req0[x]=base+n; req1[x]=base+n;
        d_step{ assert(st[x]==FREE); sq[x]++; st[x]=POSTED; tg[x]=0; gid[x]=base+n; pend[x]=base+n }
        if :: waitfor(x) :: skip fi;                 /* skip: not collected, D27 */
        n++
  od;
  scrub(cl); punch(cl); d_step{ lown[cl]=0; l=0; n=0; x=0; cl=0; all=0 } lk[ix]=0 }       /* close, detach */

inline serverbody(busy){

  do :: finished -> break
     :: atomic{ st[0]==POSTED -> busy=1; x=0;
#ifndef TAKE_NO_CAS
        st[0]=TAKEN; tg[0]=me;
#endif
        s=sq[0] } call(busy)
#if (L*S)>1
     :: atomic{ st[1]==POSTED -> busy=1; x=1; st[1]=TAKEN; tg[1]=me; s=sq[1] } call(busy)
#endif
  od }
inline call(busy){
#ifdef TAKE_NO_CAS
  d_step{ st[x]=TAKEN; tg[x]=me }
#endif
  a=req0[x]; b=req1[x];
  assert(alloc[LN(x)] && a==b && a==gid[x]);         /* the request is whole and ours */
  d_step{ execd[a]++; assert(execd[a]==1 && !notex[a]) }
  assert(alloc[LN(x)]); rsp[x]=a;
#ifdef DONE_NO_CHECK
  d_step{ st[x]=DONE; tg[x]=me }
#else
  cas(x,TAKEN,me,s,DONE,me);
  if :: ok :: else -> cas(x,ABAND,me,s,FREE,0); assert(ok) fi;
#endif
  d_step{ x=0; a=0; b=0; s=0; busy=0 } }

proctype caller_a(){ byte me=TAG(0), ix=0, l, k, ws, wt, wq, wo, n, x, cl; bit all, ok, vd;
  { clientbody(1); dA=1 } unless { kA } }
proctype caller_b(){ byte me, ix, l, k, ws, wt, wq, wo, n, x, cl; bit all, ok, vd;
  attach(REUSE_B,1); clientbody(1+NC); dB=1 }
proctype server1(){ byte me=TAG(2), x, a, b, s; bit ok;
  { serverbody(busy1) } unless { kS } }
proctype server2(){ byte me, ix, l, k, ws, wt, wq, wo, x, a, b, s; bit all, ok, vd;
  attach(REUSE_S,3); k=0;
  do :: k==N -> break                                /* next server at start */
     :: else -> load(k);
        if :: ws==TAKEN && vd -> cas(k,TAKEN,wt,wq,ORPHAN,wt) :: ws==ABAND && vd -> cas(k,ABAND,wt,wq,FREE,0) :: else fi; k++
  od; k=0; d_step{ ws=0; wt=0; wq=0; wo=0; all=0; ok=0; vd=0 }
  serverbody(busy2) }
proctype janitor(){ byte me, l, k, ws, wt, wq, wo; bit all, ok, vd;
  { if :: atomic{ !lk[0] -> lk[0]=1; jheld=0 } :: atomic{ !lk[2] -> lk[2]=1; jheld=2 } :: skip fi;
    if :: jheld<5 ->
#ifndef JANITOR_NO_GEN
       d_step{ gen[jheld]++; me=TAG(jheld) }         /* alive exactly as long as the janitor holds the byte */
#else
       me=TAG(4);
#endif
       if :: jheld==0 -> cleanup(0) :: else -> cleanup(2) fi;
       d_step{ lk[jheld]=0; jheld=9 }
       :: else fi;
    d_step{ lk[4]=0; dJ=1 } }
  unless { if :: kJ :: jstop fi } }
/* stop: the janitor stops for ever holding the lock of an index (after gen+1, no lane) */
#ifdef JANITOR_NO_GEN
#define STOPOK (jheld<5)
#else
#define STOPOK (jheld<5 && gen[jheld]==2)
#endif
proctype killer(){
  do :: break
#ifndef NO_KA
     :: d_step{ !kA && !dA -> kA=1; lk[0]=0 }
#endif
#ifndef NO_KS
     :: d_step{ !kS -> kS=1; lk[2]=0 }
#endif
#ifndef NO_JAN
     :: d_step{ !kJ && !jstop && !dJ -> kJ=1; lk[4]=0; if :: jheld<5 -> lk[jheld]=0 :: else fi; jheld=9 }
     :: d_step{ !kJ && !jstop && !dJ && !jlane && STOPOK -> jstop=1 }
#endif
  od }
init{ byte k=0;
  d_step{ gen[0]=1; gen[1]=1; gen[2]=1; gen[3]=1; gen[4]=1; lk[0]=1; lk[2]=1; lk[4]=1 }
  atomic{ run caller_a(); run caller_b(); run server1();
#ifndef NOS2
  run server2();
#endif
#ifdef NO_JAN
  dJ=1; lk[4]=0;
#else
  run janitor();
#endif
  run killer() }
  timeout;
  assert(dB && (dA || kA) && (dJ || kJ || jstop));                  /* nobody waits for ever */
  do :: k==N -> break
     :: else -> assert(!((st[k]==TAKEN || st[k]==ABAND) && !DEAD(tg[k]))); /* no slot is lost */
#ifdef INDEX_LOCK_ONLY
        assert(lown[LN(k)]==0 || !lk[IDX(lown[LN(k)])]);
#else
        assert(lown[LN(k)]==0 || DEAD(lown[LN(k)]));
#endif
        k++
  od;
  finished=1 }
